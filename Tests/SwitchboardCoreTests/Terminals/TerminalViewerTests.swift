import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite("A viewer of a terminal")
struct TerminalViewerTests {
    private func viewer(_ mode: TerminalOrder.Mode = .shared) -> TerminalViewer {
        TerminalViewer(terminal: "main", mode: mode, command: "sh", columns: 80, rows: 24)
    }

    private func here(
        from: UInt64 = 0, typed: UInt64 = 0, isNew: Bool = false, start: UInt64? = nil
    ) -> TerminalReport.Here {
        .init(
            terminal: "main", columns: 80, rows: 24, from: from, typed: typed, command: "sh", isNew: isNew, viewers: 1,
            start: start)
    }

    private func attach(
        from: UInt64? = nil, typed: UInt64 = 0, command: String? = nil
    ) -> TerminalViewer.Action {
        .send(
            .attach(.init(terminal: "main", columns: 80, rows: 24, from: from, typed: typed, command: command)))
    }

    /// One that is attached to a new terminal.
    private func live(_ mode: TerminalOrder.Mode = .shared) -> TerminalViewer {
        var viewer = viewer(mode)
        _ = viewer.connected(now: 0)
        _ = viewer.received(.here(here(isNew: true)), now: 0)
        return viewer
    }

    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test("It attaches when there is a connection, and draws what comes")
    func begins() {
        var viewer = viewer()
        #expect(viewer.tick(now: 0) == [])
        #expect(viewer.connected(now: 0) == [attach(command: "sh")])
        let here = here(isNew: true)
        #expect(viewer.received(.here(here), now: 1) == [.note(.attached(here))])
        #expect(viewer.received(.output(offset: 0, bytes: bytes("$ ")), now: 2) == [.draw(bytes("$ "))])
        #expect(viewer.drawn == 2)
        // The agent learns what is drawn with the next tick, once.
        #expect(viewer.tick(now: 100) == [.send(.took(offset: 2))])
        #expect(viewer.tick(now: 200) == [])
    }

    @Test("One that comes to a terminal that was there begins with a clear screen")
    func joins() {
        var viewer = viewer()
        _ = viewer.connected(now: 0)
        let here = here(from: 500)
        #expect(viewer.received(.here(here), now: 1) == [.clear, .note(.attached(here))])
        #expect(viewer.received(.output(offset: 500, bytes: bytes("x")), now: 2) == [.draw(bytes("x"))])
    }

    @Test("It says that it lives every 5 s, every second without an answer, and says so to the person after 3")
    func renews() {
        var viewer = live()
        #expect(viewer.tick(now: 4999) == [])
        #expect(viewer.tick(now: 5000) == [attach(from: 0)])
        #expect(viewer.tick(now: 5999) == [])
        #expect(viewer.tick(now: 6000) == [attach(from: 0)])
        #expect(viewer.tick(now: 7000) == [attach(from: 0)])
        #expect(viewer.tick(now: 8000) == [attach(from: 0), .note(.waiting)])
        #expect(viewer.tick(now: 9000) == [attach(from: 0)])
        #expect(viewer.received(.here(here()), now: 9100) == [.note(.attached(here()))])
        #expect(viewer.tick(now: 13_000) == [])
    }

    @Test("Keys are sent at once, and a long paste in pieces as they are taken")
    func types() {
        var viewer = live()
        #expect(viewer.type(bytes("ls\r"), now: 1) == [.send(.input(offset: 0, bytes: bytes("ls\r")))])
        #expect(viewer.received(.taken(offset: 3), now: 2) == [])
        let paste = ByteBuffer(repeating: 0x61, count: 20_000)
        let sent = viewer.type(paste, now: 3)
        #expect(sent.count == 4)
        #expect(viewer.typed == 20_003)
        let more = viewer.received(.taken(offset: 3 + 4096), now: 4)
        #expect(more == [.send(.input(offset: 3 + 16_384, bytes: ByteBuffer(repeating: 0x61, count: 3616)))])
        #expect(viewer.takesKeys)
        _ = viewer.type(ByteBuffer(repeating: 0x61, count: 64 << 10), now: 5)
        #expect(!viewer.takesKeys)
        #expect(viewer.type(bytes("x"), now: 6) == [])
    }

    @Test("After a lost connection it goes on: output is drawn once, keys are sent again from what was taken")
    func reconnects() {
        var viewer = live()
        _ = viewer.received(.output(offset: 0, bytes: bytes("abc")), now: 1)
        _ = viewer.type(bytes("12345"), now: 2)
        viewer.disconnected()
        #expect(viewer.type(bytes("6"), now: 3) == [])
        #expect(viewer.tick(now: 9000) == [])
        #expect(viewer.connected(now: 9000) == [attach(from: 3)])
        // The agent has taken three of them before.
        let again = viewer.received(.here(here(from: 3, typed: 3)), now: 9001)
        #expect(again == [.send(.input(offset: 3, bytes: bytes("456")))])
        #expect(viewer.received(.output(offset: 1, bytes: bytes("bcd")), now: 9002) == [.draw(bytes("d"))])
        #expect(viewer.received(.output(offset: 0, bytes: bytes("abcd")), now: 9003) == [])
    }

    @Test("A hole in the output is asked for, and nothing behind it is drawn before it is filled")
    func fillsHoles() {
        var viewer = live()
        _ = viewer.received(.output(offset: 0, bytes: bytes("ab")), now: 1)
        #expect(viewer.received(.output(offset: 5, bytes: bytes("f")), now: 2) == [attach(from: 2)])
        #expect(viewer.received(.output(offset: 6, bytes: bytes("g")), now: 3) == [])
        #expect(viewer.received(.here(here(from: 2)), now: 4) == [])
        #expect(viewer.received(.output(offset: 2, bytes: bytes("cdefg")), now: 5) == [.draw(bytes("cdefg"))])
    }

    @Test("Where output is gone, or the terminal is another one, it begins anew")
    func beginsAnew() {
        var viewer = live()
        _ = viewer.received(.output(offset: 0, bytes: bytes("ab")), now: 1)
        #expect(viewer.received(.here(here(from: 900)), now: 2) == [.clear])
        #expect(viewer.received(.output(offset: 900, bytes: bytes("x")), now: 3) == [.draw(bytes("x"))])
        // The agent has started again, and somebody else has made the terminal anew.
        #expect(viewer.tick(now: 5000).contains(attach(from: 901)))
        #expect(viewer.received(.here(here(from: 0)), now: 5001) == [.clear, .note(.replaced)])
        #expect(viewer.drawn == 0)
    }

    @Test("What was typed for one program is not typed for its successor, whoever has started that")
    func dropsKeysOfAProgramThatIsGone() {
        let successors = [
            here(from: 900, isNew: true), here(from: 900, isNew: true, start: 900), here(from: 990, start: 900),
        ]
        for here in successors {
            var viewer = viewer()
            _ = viewer.connected(now: 0)
            _ = viewer.received(.here(self.here(isNew: true, start: 0)), now: 0)
            _ = viewer.type(bytes("ls\r"), now: 1)
            _ = viewer.received(.taken(offset: 3), now: 2)
            _ = viewer.wentOffline()
            #expect(viewer.type(bytes("rm -r *\r"), now: 3) == [])
            #expect(viewer.tick(now: 1000) == [attach(from: 0, typed: 3)])
            var found = here
            found.typed = 3
            #expect(
                viewer.received(.here(found), now: 1001)
                    == [.clear, .note(.replaced), .note(.attached(found))])
            #expect(viewer.typed == 3)
            #expect(viewer.type(bytes("x"), now: 1002) == [.send(.input(offset: 3, bytes: bytes("x")))])
        }
    }

    @Test("A successor that knows of less typing than was taken has its say")
    func countsAsTheSuccessorDoes() {
        var viewer = live()
        _ = viewer.type(bytes("abc"), now: 4999)
        // This order is on its way while the keys are taken, and comes to an agent that was started again.
        _ = viewer.tick(now: 5000)
        _ = viewer.received(.taken(offset: 3), now: 5001)
        _ = viewer.received(.here(here(from: 900, isNew: true)), now: 5500)
        #expect(viewer.type(bytes("x"), now: 5501) == [.send(.input(offset: 0, bytes: bytes("x")))])
    }

    @Test("What was typed before the first answer, and where only output is missing, is kept")
    func keepsKeysOfTheSameProgram() {
        var viewer = viewer()
        _ = viewer.connected(now: 0)
        _ = viewer.type(bytes("a"), now: 1)
        let first = here(isNew: true, start: 0)
        let input = TerminalViewer.Action.send(.input(offset: 0, bytes: bytes("a")))
        #expect(viewer.received(.here(first), now: 2) == [.note(.attached(first)), input])
        viewer.disconnected()
        _ = viewer.connected(now: 3)
        #expect(viewer.received(.here(here(from: 900, start: 0)), now: 4) == [.clear, input])
    }

    @Test("As typed it names what is taken, and not what is on its way")
    func namesWhatIsTaken() {
        var viewer = live()
        _ = viewer.type(bytes("abc"), now: 1)
        _ = viewer.received(.taken(offset: 1), now: 2)
        viewer.disconnected()
        #expect(viewer.connected(now: 3) == [attach(from: 0, typed: 1)])
        // The agent has forgotten this viewer, and never saw the rest.
        #expect(
            viewer.received(.here(here(typed: 1)), now: 4) == [.send(.input(offset: 1, bytes: bytes("bc")))])
    }

    @Test("Keys without an answer are looked after within a second")
    func looksAfterKeys() {
        var viewer = live()
        _ = viewer.type(bytes("a"), now: 2000)
        #expect(viewer.tick(now: 2999) == [])
        #expect(viewer.tick(now: 3000) == [attach(from: 0)])
        // They wait until the agent has said what it has.
        #expect(viewer.type(bytes("b"), now: 3001) == [])
        #expect(viewer.received(.here(here()), now: 3002) == [.send(.input(offset: 0, bytes: bytes("ab")))])
    }

    @Test("A client that goes offline is waited for; one that was not there at the beginning is not")
    func offline() {
        var viewer = viewer()
        _ = viewer.connected(now: 0)
        #expect(viewer.wentOffline() == [.end(.offline)])
        #expect(viewer.tick(now: 5000) == [])
        var other = live()
        #expect(other.wentOffline() == [.note(.offline)])
        #expect(other.tick(now: 1000) == [attach(from: 0)])
        #expect(other.wentOffline() == [])
        let here = here()
        #expect(other.received(.here(here), now: 2000) == [.note(.attached(here))])
    }

    @Test("It ends with the terminal, or when it is refused")
    func ends() {
        var viewer = live()
        #expect(
            viewer.received(.ended(status: 3, signal: nil, reason: .exited), now: 1)
                == [.end(.ended(status: 3, signal: nil, reason: .exited))])
        #expect(viewer.received(.output(offset: 0, bytes: bytes("x")), now: 2) == [])
        var other = self.viewer()
        _ = other.connected(now: 0)
        #expect(
            other.received(.refused(code: "terminal_not_allowed", message: "no"), now: 1)
                == [.end(.refused(code: "terminal_not_allowed", message: "no"))])
        // An agent that has forgotten it is told where it is; only who sees has nothing to come back to.
        let forgotten = TerminalReport.Event.refused(code: "no_such_terminal", message: "")
        var typist = live()
        #expect(typist.received(forgotten, now: 1) == [attach(from: 0)])
        #expect(typist.received(forgotten, now: 2) == [])
        var watcher = live(.readOnly)
        #expect(watcher.received(forgotten, now: 1) == [.end(.refused(code: "no_such_terminal", message: ""))])
        var third = live()
        #expect(third.refused(code: "bus_unavailable", message: "", now: 1) == [])
        #expect(third.refused(code: "not_attached", message: "", now: 2) == [attach(from: 0)])
        #expect(
            third.refused(code: "insufficient_scope", message: "no", now: 3)
                == [.end(.refused(code: "insufficient_scope", message: "no"))])
    }

    @Test("Who only looks neither types nor resizes")
    func readOnly() {
        var viewer = live(.readOnly)
        #expect(viewer.type(bytes("x"), now: 1) == [])
        #expect(viewer.resize(columns: 100, rows: 30) == [])
        var other = live()
        #expect(other.resize(columns: 80, rows: 24) == [])
        #expect(other.resize(columns: 5000, rows: 0) == [.send(.resize(columns: 1000, rows: 1))])
    }
}

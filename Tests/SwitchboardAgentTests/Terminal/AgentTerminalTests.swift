import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// An agent's terminals as their viewers see them, over a node's link.
@Suite(.timeLimit(.minutes(1))) struct AgentTerminalTests {
    /// A node's link, and what the viewers of the test have seen over it.
    struct Link: Sendable {
        let connection: FakeConnection

        func order(_ viewer: String, _ action: TerminalOrder.Action) async throws {
            try await connection.send(.terminal(TerminalOrder(viewer: viewer, action: action)))
        }

        func attach(
            _ viewer: String, _ terminal: String = "main", _ mode: TerminalOrder.Mode = .shared, from: UInt64? = nil,
            typed: UInt64 = 0, command: String? = nil
        ) async throws {
            let attach = TerminalOrder.Attach(
                terminal: terminal, mode: mode, columns: 100, rows: 30, from: from, typed: typed, command: command,
                operatorName: "ops")
            try await order(viewer, .attach(attach))
        }

        func next(_ viewer: String) async throws -> TerminalReport.Event {
            while true {
                if case .terminal(let report) = try await connection.next(), report.viewer == viewer {
                    return report.event
                }
            }
        }

        func here(_ viewer: String) async throws -> TerminalReport.Here {
            while true { if case .here(let here) = try await next(viewer) { return here } }
        }

        /// Output up to this text, and where it ends; all of it is acknowledged.
        func output(_ viewer: String, until text: String) async throws -> (text: String, end: UInt64) {
            var all = ByteBuffer()
            while true {
                guard case .output(let offset, let bytes) = try await next(viewer) else { continue }
                all.writeImmutableBuffer(bytes)
                let end = offset + UInt64(bytes.readableBytes)
                try await order(viewer, .took(offset: end))
                if String(buffer: all).contains(text) { return (String(buffer: all), end) }
            }
        }

        func ended(_ viewer: String) async throws -> TerminalReport.Event {
            while true { if case let event = try await next(viewer), case .ended = event { return event } }
        }

        func refusal(_ viewer: String) async throws -> String {
            while true { if case .refused(let code, _) = try await next(viewer) { return code } }
        }
    }

    private static func with(
        _ policy: TerminalPolicy?, _ body: (RunningAgent, FakeNode, Link) async throws -> Void
    ) async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.terminals = policy },
            body: { agent in
                let link = Link(connection: try await node.connections.next())
                try await link.connection.hello()
                try await body(agent, node, link)
            })
    }

    @Test func aViewerTypesAndSees() async throws {
        try await Self.with(TerminalPolicy(commands: ["cat"])) { _, _, link in
            try await link.attach("v")
            let here = try await link.here("v")
            #expect(here.isNew && here.viewers == 1 && here.typed == 0)
            #expect(here.columns == 100 && here.rows == 30 && here.command == "cat")
            try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "hello\n")))
            #expect(try await link.next("v") == .taken(offset: 6))
            #expect(try await link.output("v", until: "hello\r\nhello\r\n").text == "hello\r\nhello\r\n")
            try await link.order("v", .list)
            guard case .terminals(let list) = try await link.next("v") else {
                Issue.record("no list")
                return
            }
            #expect(list.map(\.terminal) == ["main"])
            try await link.order("v", .end)
            #expect(try await link.ended("v") == .ended(status: nil, signal: 1, reason: .closed))
        }
    }

    @Test func theTerminalOutlivesTheLinkAndNothingIsLostOrTypedTwice() async throws {
        try await Self.with(TerminalPolicy(commands: ["cat"])) { _, node, link in
            try await link.attach("v")
            _ = try await link.here("v")
            try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "one\n")))
            let (_, end) = try await link.output("v", until: "one\r\none\r\n")
            try await link.connection.cut()
            let second = Link(connection: try await node.connections.next())
            try await second.connection.hello()
            // The viewer does not know whether its first line came.
            try await second.attach("v", from: end - 5, typed: 4)
            let here = try await second.here("v")
            #expect(!here.isNew && here.from == end - 5 && here.typed == 4)
            try await second.order("v", .input(offset: 0, bytes: ByteBuffer(string: "one\ntwo\n")))
            #expect(try await second.output("v", until: "two\r\ntwo\r\n").text == "one\r\ntwo\r\ntwo\r\n")
        }
    }

    @Test func theEndIsToldToWhoWasAwayWhenItCame() async throws {
        try await Self.with(TerminalPolicy(commands: ["head -n1", "cat"])) { _, node, link in
            try await link.attach("v")
            let first = try await link.here("v")
            try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "\n")))
            try await link.connection.cut()
            let second = Link(connection: try await node.connections.next())
            try await second.connection.hello()
            try await second.attach("v", from: first.from, typed: 1)
            let here = try await second.here("v")
            #expect(!here.isNew)
            if here.typed == 0 { try await second.order("v", .input(offset: 0, bytes: ByteBuffer(string: "\n"))) }
            _ = try await second.output("v", until: "\r\n")
            #expect(try await second.ended("v") == .ended(status: 0, signal: nil, reason: .exited))
            // Now it knows, and may begin anew; places of the old output are none in the new one.
            try await second.attach("v", command: "cat")
            let new = try await second.here("v")
            #expect(new.isNew && new.from > here.from)
        }
    }

    @Test func viewersShareATerminalAndReadersOnlySee() async throws {
        try await Self.with(TerminalPolicy(commands: ["cat"])) { _, _, link in
            try await link.attach("reader", "main", .readOnly)
            #expect(try await link.refusal("reader") == "no_such_terminal")
            try await link.attach("v")
            _ = try await link.here("v")
            try await link.attach("reader", "main", .readOnly)
            #expect(try await link.here("reader").viewers == 2)
            #expect(try await link.next("v") == .viewers(2))
            for action in [
                TerminalOrder.Action.input(offset: 0, bytes: ByteBuffer(string: "x")), .end,
                .resize(columns: 1, rows: 1),
            ] {
                try await link.order("reader", action)
                #expect(try await link.refusal("reader") == "read_only")
            }
            try await link.order("v", .resize(columns: 90, rows: 20))
            #expect(try await link.next("reader") == .resized(columns: 90, rows: 20))
            try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "seen\n")))
            #expect(try await link.output("reader", until: "seen\r\nseen\r\n").text == "seen\r\nseen\r\n")
        }
    }

    @Test func whatIsNotAllowedIsRefused() async throws {
        try await Self.with(nil) { _, _, link in
            try await link.attach("v")
            #expect(try await link.refusal("v") == "terminal_not_allowed")
        }
        try await Self.with(TerminalPolicy(commands: ["cat", "/nowhere/to/be/found"])) { _, _, link in
            try await link.attach("v", command: "sh")
            #expect(try await link.refusal("v") == "command_not_allowed")
            try await link.attach("v", command: "/nowhere/to/be/found")
            #expect(try await link.refusal("v") == "cannot_start")
            try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "x")))
            #expect(try await link.refusal("v") == "no_such_terminal")
            for number in 1...8 {
                try await link.attach("v\(number)", "t\(number)")
                _ = try await link.here("v\(number)")
            }
            try await link.attach("v9", "t9")
            #expect(try await link.refusal("v9") == "too_many_terminals")
        }
    }

    @Test func aFloodIsHeldBackByTheCreditAndLosesNothing() async throws {
        try await Self.with(TerminalPolicy(commands: ["seq 60000"])) { _, _, link in
            try await link.attach("v")
            let text = try await link.output("v", until: "60000\r\n").text
            #expect(text == (1...60_000).map { "\($0)\r\n" }.joined())
            #expect(try await link.ended("v") == .ended(status: 0, signal: nil, reason: .exited))
        }
    }

    @Test func aTerminalThatNobodyUsesEnds() async throws {
        try await ToolTests.withFolder { folder in
            let policy = TerminalPolicy(commands: ["cat"], idleTimeout: 0, recordings: folder.path)
            try await Self.with(policy) { _, _, link in
                try await link.attach("v")
                _ = try await link.here("v")
                try await link.order("v", .detach)
                // The recording tells its end.
                let file = try #require(try Self.files(in: folder).first)
                while try !Self.lines(of: file).contains(where: { $0.contains("ended: idle") }) {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }

    @Test func theAgentsEndIsTheTerminalsEnd() async throws {
        try await Self.with(TerminalPolicy(commands: ["cat"])) { agent, _, link in
            try await link.attach("v")
            _ = try await link.here("v")
            await agent.agent.stop()
            #expect(try await link.ended("v") == .ended(status: nil, signal: nil, reason: .agentStopped))
        }
    }

    // MARK: recordings

    private static func files(in folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }

    private static func lines(of file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func whatATerminalShowsIsRecorded() async throws {
        try await ToolTests.withFolder { folder in
            try await Self.with(TerminalPolicy(commands: ["cat"], recordings: folder.path)) { _, _, link in
                try await link.attach("v")
                _ = try await link.here("v")
                try await link.order("v", .input(offset: 0, bytes: ByteBuffer(string: "grüß\n")))
                _ = try await link.output("v", until: "grüß\r\ngrüß\r\n")
                try await link.order("v", .end)
                _ = try await link.ended("v")
                let file = try #require(try Self.files(in: folder).first)
                #expect(file.lastPathComponent.hasSuffix("-main.cast"))
                let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                let lines = try Self.lines(of: file)
                let header = try JSONDocument(ByteBuffer(string: lines[0]))
                #expect(header["version"].flatMap(header.integer) == 2)
                #expect(header["width"].flatMap(header.integer) == 100)
                let events = try lines.dropFirst().map {
                    try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [Any])
                }
                let shown = events.filter { $0[1] as? String == "o" }.compactMap { $0[2] as? String }.joined()
                #expect(shown.hasPrefix("grüß\r\ngrüß\r\n"))
                let marks = events.filter { $0[1] as? String == "m" }.compactMap { $0[2] as? String }
                #expect(marks.first == "viewed by ops (shared)")
                #expect(marks.last?.hasPrefix("ended: closed") == true)
            }
        }
    }

    @Test func aRecordingThatIsFullSaysSoAndCutsNoCharacter() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cast-" + UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let recording = try TerminalRecording(
            folder: folder.path, terminal: "t", command: ["cat"], columns: 80, rows: 24, limit: 300)
        let letter = ByteBuffer(string: "ü")
        #expect(recording.output(ByteBuffer(bytes: letter.readableBytesView.prefix(1))))
        #expect(recording.output(ByteBuffer(bytes: letter.readableBytesView.suffix(1))))
        #expect(try String(contentsOfFile: recording.path, encoding: .utf8).hasSuffix("\"o\",\"ü\"]\n"))
        #expect(!recording.output(ByteBuffer(repeating: 0x61, count: 300)))
        #expect(!recording.output(ByteBuffer(string: "a")))
    }

    @Test func withoutItsRecordingThereIsNoTerminal() async throws {
        try await Self.with(TerminalPolicy(commands: ["cat"], recordings: "/proc/nowhere")) { _, _, link in
            try await link.attach("v")
            #expect(try await link.refusal("v") == "cannot_start")
        }
    }
}

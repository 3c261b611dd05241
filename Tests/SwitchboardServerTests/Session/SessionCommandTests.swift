import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Commands between the node and a client; their caller waits at another node.
@Suite struct SessionCommandTests {
    private let test = TestNode()
    private let origin = Origin()

    /// The node at which the callers wait.
    private final class Origin: BusReceiver {
        let id = NodeID(unchecked: "n2")
        private let box = Box<String>()

        /// Each event with the command's id.
        var events: [String] { box.list }

        func receive(_ message: BusMessage) {
            guard case .commandEvent(let event) = message else { return }
            box.add("\(event.id) \(Self.text(event.kind))")
        }

        private static func text(_ kind: CommandEvent.Kind) -> String {
            switch kind {
            case .output(let payload): "output \(String(buffer: payload.bytes))"
            case .result(let status, let payload):
                "result \(status) \(payload.map { String(buffer: $0.bytes) } ?? "-")"
            default: "\(kind)"
            }
        }

        func busWasLost() {}
        func busDidRecover() {}
    }

    init() { test.cluster.attach(origin, as: origin.id) }

    private func command(_ id: String, timeout: Double = 30) {
        let command = BusCommand(
            id: CommandID(unchecked: id), client: client("a"), name: "open",
            payload: Payload(format: .json, bytes: ByteBuffer(string: "[1]")), timeout: timeout, origin: origin.id)
        test.node.receive(.command(command))
        test.loop.run()
    }

    private func cancel(_ id: String) {
        test.node.receive(.cancel(Cancellation(id: CommandID(unchecked: id), client: client("a"))))
        test.loop.run()
    }

    @Test func aCommandGoesOutAndItsResultComesBack() throws {
        let connection = try TestConnection.open(test, "a")
        command("c1", timeout: 2.5)
        let payload = Payload(format: .json, bytes: ByteBuffer(string: "[1]"))
        #expect(
            try connection.frames() == [.command(.init(id: "c1", name: "open", payload: payload, timeout: 2.5))])
        try connection.receive(#"{"type":"output","id":"c1","data":"one"}"#)
        try connection.receive(#"{"type":"output","id":"c1","data":"two"}"#)
        try connection.receive(#"{"type":"result","id":"c1","status":207,"data":{}}"#)
        #expect(
            origin.events == ["c1 delivered", #"c1 output "one""#, #"c1 output "two""#, "c1 result 207 {}"])
        #expect(try connection.frames() == [.ack(ref: "c1")])
        try connection.drop()
    }

    @Test func eightRunAndTheRestWaitTheirTurn() throws {
        let connection = try TestConnection.open(test, "a")
        for number in 1...10 { command("c\(number)") }
        #expect(try connection.frames().commands == (1...8).map { "c\($0)" })
        try connection.receive(#"{"type":"result","id":"c3","status":200}"#)
        #expect(try connection.frames().commands == ["c9"])
        #expect(origin.events.suffix(2) == ["c9 delivered", "c3 result 200 -"])
        try connection.receive(#"{"type":"result","id":"c9","status":200}"#)
        #expect(try connection.frames().commands == ["c10"])
        try connection.drop()
    }

    @Test func tooManyAreRefused() throws {
        let connection = try TestConnection.open(test, "a")
        for number in 1...264 { command("c\(number)") }
        #expect(!origin.events.contains { $0.hasSuffix("queueFull") })
        command("one-too-many")
        #expect(origin.events.last == "one-too-many queueFull")
        try connection.drop()
    }

    @Test func whatRunsAlreadyIsNotSentAgain() throws {
        let connection = try TestConnection.open(test, "a")
        for _ in 0..<2 { command("c1") }
        #expect(try connection.frames().commands == ["c1"])
        #expect(origin.events == ["c1 delivered", "c1 delivered"])
        try connection.drop()
    }

    @Test func aClientThatNeverAnswersDoesNotKeepThePlace() throws {
        let connection = try TestConnection.open(test, "a")
        for number in 1...9 { command("c\(number)", timeout: number == 1 ? 1 : 60) }
        _ = try connection.frames()
        test.loop.advanceTime(by: .milliseconds(900))
        #expect(try connection.frames().isEmpty)
        test.loop.advanceTime(by: .milliseconds(100))
        let frames = try connection.frames()
        #expect(frames.contains(.cancel(id: "c1")))
        #expect(frames.commands == ["c9"])
        try connection.drop()
    }

    @Test func anIDThatIsUsedAgainHasItsWholeTime() throws {
        let connection = try TestConnection.open(test, "a")
        command("c1", timeout: 2)
        try connection.receive(#"{"type":"result","id":"c1","status":499}"#)
        test.loop.advanceTime(by: .seconds(1))
        command("c1", timeout: 2)
        _ = try connection.frames()
        test.loop.advanceTime(by: .milliseconds(1900))
        #expect(try connection.frames().isEmpty)
        test.loop.advanceTime(by: .milliseconds(100))
        #expect(try connection.frames() == [.cancel(id: "c1")])
        try connection.drop()
    }

    // MARK: Cancelling

    @Test func theClientIsToldThatItsAnswerIsNotWanted() throws {
        let connection = try TestConnection.open(test, "a")
        command("c1")
        _ = try connection.frames()
        cancel("c1")
        #expect(try connection.frames() == [.cancel(id: "c1")])
        // It may answer all the same.
        try connection.receive(#"{"type":"result","id":"c1","status":499}"#)
        #expect(origin.events.last == "c1 result 499 -")
        try connection.drop()
    }

    @Test func whatHasNotBeenSentIsOnlyForgotten() throws {
        let connection = try TestConnection.open(test, "a")
        for number in 1...9 { command("c\(number)") }
        _ = try connection.frames()
        cancel("c9")
        cancel("unknown")
        #expect(try connection.frames().isEmpty)
        try connection.receive(#"{"type":"result","id":"c1","status":200}"#)
        #expect(try connection.frames().commands.isEmpty)
        try connection.drop()
    }

    // MARK: Where it cannot go

    @Test func aRawClientTakesNone() throws {
        let connection = try TestConnection(test, "/ws?clientId=a", isFramed: false)
        command("c1")
        #expect(origin.events == ["c1 unsupported"])
        try connection.drop()
    }

    @Test func aClientThatIsNotHereTakesNone() throws {
        command("c1")
        #expect(origin.events == ["c1 notHere"])
    }

    @Test func whenTheSessionEndsThoseWhoWaitAreTold() throws {
        let connection = try TestConnection.open(test, "a")
        for number in 1...9 { command("c\(number)") }
        try connection.drop()
        let ends = origin.events.dropFirst(8)
        #expect(Set(ends) == Set((1...8).map { "c\($0) sessionEnded" } + ["c9 notHere"]))
    }

    // MARK: Results of an earlier session

    @Test func aResultThatComesLaterGoesToWhereItsCallerWaits() throws {
        let record = CommandRecord(
            id: CommandID(unchecked: "c1"), client: client("a"), name: "open", origin: origin.id)
        test.cluster.ledger.write(.command(record.id), record.bytes, seconds: 60)
        test.node.roster.add(origin.id)
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"result","id":"c1","status":200,"data":1}"#)
        #expect(origin.events == ["c1 result 200 1"])
        #expect(try connection.frames() == [.ack(ref: "c1")])
        try connection.drop()
    }

    @Test func aResultForANodeThatIsGoneIsKept() throws {
        let id = CommandID(unchecked: "c1")
        let record = CommandRecord(id: id, client: client("a"), name: "open", origin: origin.id)
        test.cluster.ledger.write(.command(id), record.bytes, seconds: 60)
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"result","id":"c1","status":200,"data":1}"#)
        #expect(origin.events.isEmpty)
        let kept = test.cluster.ledger.read(.command(id)).flatMap { CommandRecord($0) }
        #expect(kept?.state == "done")
        #expect(try connection.frames() == [.ack(ref: "c1")])
        try connection.drop()
    }

    @Test func nobodyAnswersForAnotherClient() throws {
        let id = CommandID(unchecked: "c1")
        let record = CommandRecord(id: id, client: client("b"), name: "open", origin: origin.id)
        test.cluster.ledger.write(.command(id), record.bytes, seconds: 60)
        test.node.roster.add(origin.id)
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"result","id":"c1","status":200,"data":1}"#)
        #expect(origin.events.isEmpty)
        #expect(test.cluster.ledger.read(.command(id)).flatMap { CommandRecord($0) }?.state == "pending")
        try connection.drop()
    }

    @Test func aResultOfNothingIsTakenSoThatTheClientForgetsIt() throws {
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"result","id":"unknown","status":200}"#)
        #expect(try connection.frames() == [.ack(ref: "unknown")])
        #expect(origin.events.isEmpty)
        try connection.drop()
    }

    @Test(arguments: [99, 600, -1])
    func aStatusThatIsNoneIsRefused(status: Int) throws {
        let connection = try TestConnection.open(test, "a")
        command("c1")
        _ = try connection.frames()
        try connection.receive(#"{"type":"result","id":"c1","status":\#(status)}"#)
        guard case .error("invalid_frame", _, "c1") = try connection.frames().first else {
            Issue.record("it was taken")
            return
        }
        try connection.receive(#"{"type":"result","id":"c1","status":200}"#)
        #expect(origin.events.last == "c1 result 200 -")
        try connection.drop()
    }
}

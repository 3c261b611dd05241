import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

@Suite struct OutboxTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    static func ids(_ frames: [ClientFrame]) -> [String] {
        frames.compactMap { if case .message(let id, _) = $0 { id } else { nil } }
    }

    @Test func keepsTheOrderAndSendsOnce() throws {
        var outbox = Outbox(limit: 10, bytesLimit: 100)
        for id in ["a", "b", "c"] { try outbox.add(id: id, payload: .json("1")) }
        #expect(Self.ids(outbox.due(Self.start).frames) == ["a", "b", "c"])
        #expect(outbox.due(Self.start).frames == [])
    }

    @Test func sendsAgainWhatWasNotAcknowledged() throws {
        var outbox = Outbox(limit: 10, bytesLimit: 100)
        for id in ["a", "b", "c"] { try outbox.add(id: id, payload: .json("1")) }
        _ = outbox.due(Self.start)
        let (known, unknown) = (outbox.remove(id: "b"), outbox.remove(id: "b"))
        #expect(known && !unknown)
        outbox.rewind()
        try outbox.add(id: "d", payload: .json("1"))
        #expect(Self.ids(outbox.due(Self.start).frames) == ["a", "c", "d"])
    }

    @Test func isBounded() throws {
        var outbox = Outbox(limit: 2, bytesLimit: 10)
        try outbox.add(id: "a", payload: .json("12345678"))
        #expect(throws: AgentError.outboxFull) { try outbox.add(id: "b", payload: .json("123")) }
        #expect(throws: AgentError.duplicateID("a")) { try outbox.add(id: "a", payload: .json("1")) }
        try outbox.add(id: "b", payload: .json("12"))
        #expect(throws: AgentError.outboxFull) { try outbox.add(id: "c", payload: .json("")) }
        #expect(outbox.bytes == 10)
        outbox.remove(id: "a")
        #expect(outbox.bytes == 2)
        let left = outbox.removeAll()
        #expect(left == ["b"])
        #expect(outbox.bytes == 0)
    }

    @Test func keepsTheRate() throws {
        var outbox = Outbox(limit: 10, bytesLimit: 100, rate: 2, burst: 3)
        for id in ["a", "b", "c", "d", "e"] { try outbox.add(id: id, payload: .json("1")) }
        let first = outbox.due(Self.start)
        #expect(Self.ids(first.frames) == ["a", "b", "c"])
        #expect(first.next == Self.start + .milliseconds(500))
        let second = outbox.due(Self.start + .milliseconds(250))
        #expect(second.frames == [])
        #expect(second.next == Self.start + .milliseconds(500))
        #expect(Self.ids(outbox.due(Self.start + .milliseconds(500)).frames) == ["d"])
        // Sending again after a lost link costs tokens as well.
        outbox.rewind()
        #expect(Self.ids(outbox.due(Self.start + TimeAmount.seconds(10.0)).frames) == ["a", "b", "c"])
    }

    @Test func namesTheLargestThatWasSent() throws {
        var outbox = Outbox(limit: 10, bytesLimit: 100)
        #expect(outbox.largestSent == nil)
        try outbox.add(id: "small", payload: .json("1"))
        try outbox.add(id: "big", payload: .json("12345"))
        _ = outbox.due(Self.start)
        try outbox.add(id: "bigger, not sent", payload: .json("1234567"))
        #expect(outbox.largestSent?.id == "big")
    }

    @Test func theGateOpensWhenHalfIsFree() {
        var gate = PushGate(limit: 4, bytesLimit: 100)
        let filled = (0..<6).map { _ in gate.add(bytes: 1) }
        #expect(filled == [false, false, false, true, false, false])
        let emptied = (0..<6).map { _ in gate.remove(bytes: 1) }
        #expect(emptied == [false, false, false, true, false, false])
    }

    @Test func theGateCountsBytes() {
        var gate = PushGate(limit: 4, bytesLimit: 100)
        let isFull = gate.add(bytes: 100)
        #expect(isFull && gate.isClosed)
        let isFree = gate.remove(bytes: 100)
        #expect(isFree && !gate.isClosed)
    }
}

import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// What is counted while sessions come and go.
@Suite struct SessionMetricsTests {
    @Test func everyEndIsCountedOnceByItsCode() throws {
        let test = TestNode()
        let lost = try TestConnection.open(test, "lost")
        try lost.drop()
        let malformed = try TestConnection.open(test, "malformed")
        try malformed.receive("no JSON")
        try malformed.drop()
        let closed = try TestConnection.open(test, "closed")
        closed.session.close(.closedByOperator, reason: "go")
        closed.session.close(.slowConsumer, reason: "again")
        try closed.drop()
        let odd = try TestConnection.open(test, "odd")
        odd.session.close(CloseCode(rawValue: 3456), reason: "its own code", isFinal: true)
        try odd.drop()
        let closes = test.shard.counters.closes
        #expect(closes[.abnormal] == 1)
        #expect(closes[.malformedMessage] == 1)
        #expect(closes[.closedByOperator] == 1)
        #expect(closes[.slowConsumer] == 0)
        let told = closes.samples.reduce(into: [String: Double]()) { sums, sample in
            if case .number(let number) = sample.value { sums[sample.labels.map(\.value).joined()] = number }
        }
        #expect(told["other"] == 1)
        #expect(told.values.reduce(0, +) == 4)
        #expect(test.shard.counters.closed == 4)
    }

    @Test func aPushIsMeasuredFromItsAcceptance() throws {
        let test = TestNode()
        let connections = try ["a", "b"].map { try TestConnection.open(test, $0) }
        let now = WallClock.microseconds()
        for target in [Target.client(client("a")), .all, .clients([client("a"), client("b")])] {
            let accepted = now - 30_000_000
            test.node.deliver(
                BusPush(
                    id: PushID(unchecked: "p"), target: target, payload: text("x"), origin: test.node.id,
                    acceptedAt: accepted / 1000, microseconds: UInt16(accepted % 1000)))
            test.loop.run()
        }
        let latency = test.shard.counters.latency
        #expect(latency.total == 5)
        #expect(latency.sum >= 5 * 30_000_000)
        // Beyond all bounds.
        #expect(latency.counts.last == 5)
        for connection in connections { try connection.drop() }
    }

    @Test func whatNobodyStampedOrReceivedIsNotMeasured() throws {
        let test = TestNode()
        let connection = try TestConnection.open(test, "a")
        // Another program's push says nothing that could be relied on, and a push to nobody has no end.
        test.node.deliver(BusPush(id: PushID(unchecked: "p"), target: .all, payload: text("x"), acceptedAt: 1))
        test.node.deliver(
            BusPush(
                id: PushID(unchecked: "q"), target: .client(client("nobody")), payload: text("x"), origin: test.node.id,
                acceptedAt: 1))
        test.loop.run()
        #expect(try connection.frames().pushes.count == 1)
        #expect(test.shard.counters.latency.total == 0)
        try connection.drop()
    }

    @Test func aClockThatIsAheadMakesNoNegativeTime() throws {
        let test = TestNode()
        let connection = try TestConnection.open(test, "a")
        let later = WallClock.milliseconds() + 60_000
        test.node.deliver(
            BusPush(
                id: PushID(unchecked: "p"), target: .all, payload: text("x"), origin: test.node.id, acceptedAt: later))
        test.loop.run()
        #expect(test.shard.counters.latency.counts.first == 1)
        #expect(test.shard.counters.latency.sum == 0)
        try connection.drop()
    }

    @Test func theQueueOfASessionThatEndsIsForgotten() throws {
        let test = TestNode { $0.outboundLimit = 0 }
        let connection = try TestConnection.open(test, "a")
        // More than a socket's buffer takes.
        let size = 8 << 20
        test.node.deliver(
            BusPush(
                id: PushID(unchecked: "p"), target: .client(client("a")),
                payload: Payload(format: .binary, bytes: ByteBuffer(repeating: 1, count: size)), origin: test.node.id))
        test.loop.run()
        // The embedded channel takes everything at once, so nothing stays.
        #expect(test.shard.counters.queuedBytes == connection.session.queuedBytes)
        #expect(test.shard.counters.queuedSessions == (connection.session.queuedBytes > 0 ? 1 : 0))
        connection.session.queuedBytes += 100
        test.shard.counters.queuedBytes += 100
        test.shard.counters.queuedSessions += 1
        try connection.drop()
        #expect(test.shard.counters.queuedBytes == 0)
        #expect(test.shard.counters.queuedSessions == 0)
    }

    @Test func pongsAreMeasured() throws {
        let test = TestNode()
        let connection = try TestConnection.open(test, "a")
        connection.session.pingedAt = MonotonicClock.nanoseconds() - 20_000_000_000
        try connection.receive(#"{"type":"pong"}"#)
        #expect(test.shard.counters.roundTrip.total == 1)
        #expect(test.shard.counters.roundTrip.sum >= 20_000_000)
        try connection.drop()
    }

    @Test func theFrameOfAPushHasItsTrace() throws {
        let test = TestNode()
        let connection = try TestConnection.open(test, "a")
        let trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        test.node.deliver(
            BusPush(
                id: PushID(unchecked: "p"), target: .all, payload: text("x"), origin: test.node.id, trace: trace))
        test.loop.run()
        #expect(try connection.frames().pushes.map(\.trace) == [trace])
        try connection.drop()
    }
}

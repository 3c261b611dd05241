import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

@Suite struct OutboxTests {
    private func push(_ text: String) -> PreparedPush {
        PreparedPush(
            BusPush(
                id: PushID(unchecked: text), target: .all,
                payload: Payload(format: .text, bytes: ByteBuffer(string: text))))
    }

    private func counters(raw: Int, framed: Int) -> ShardCounters {
        var counters = ShardCounters()
        counters.rawSessions = raw
        counters.framedSessions = framed
        return counters
    }

    private func joined(_ frames: [ByteBuffer]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for frame in frames { bytes.writeImmutableBuffer(frame) }
        return bytes
    }

    @Test func pushesToAllAreOneBatchInTheirOrder() throws {
        var outbox = Outbox()
        let pushes = ["one", "two", "three"].map(push)
        for push in pushes { outbox.addToAll(push, nil, counters(raw: 1, framed: 1)) }
        let batch = try #require(outbox.take().all)
        #expect(batch.pushes == 3)
        #expect(batch.bytes(isFramed: false) == joined(pushes.map(\.raw)))
        #expect(batch.bytes(isFramed: true) == joined(pushes.map(\.framed)))
        batch.withBytes { raw, framed in
            #expect(Array(raw) == Array(joined(pushes.map(\.raw)).readableBytesView))
            #expect(Array(framed) == Array(joined(pushes.map(\.framed)).readableBytesView))
        }
    }

    @Test(arguments: [(0, 0), (1, 0), (0, 1)])
    func nothingIsPreparedForAModeThatNobodyUses(raw: Int, framed: Int) throws {
        var outbox = Outbox()
        outbox.addToAll(push("x"), nil, counters(raw: raw, framed: framed))
        let batch = try #require(outbox.take().all)
        #expect((batch.raw != nil) == (raw > 0))
        #expect((batch.framed != nil) == (framed > 0))
        #expect(batch.pushes == 1)
    }

    /// A broadcast costs its bytes once per node, not once per loop.
    @Test func aSinglePushSharesItsFrame() throws {
        var outbox = Outbox()
        let push = push("shared by all")
        outbox.addToAll(push, nil, counters(raw: 1, framed: 1))
        let batch = try #require(outbox.take().all)
        for (bytes, frame) in [(batch.bytes(isFramed: false), push.raw), (batch.bytes(isFramed: true), push.framed)] {
            let storage = bytes.withUnsafeReadableBytes { $0.baseAddress }
            #expect(storage == frame.withUnsafeReadableBytes { $0.baseAddress })
        }
    }

    /// The frame belongs to every loop: a batch may not write into it.
    @Test func aSecondPushLeavesTheFirstFrameAsItWas() throws {
        let (first, second) = (push("first"), push("second"))
        let before = joined([first.raw])
        var outbox = Outbox()
        outbox.addToAll(first, nil, counters(raw: 1, framed: 0))
        outbox.addToAll(second, nil, counters(raw: 1, framed: 0))
        #expect(first.raw == before)
        #expect(outbox.take().all?.bytes(isFramed: false) == joined([before, second.raw]))
    }

    @Test func everyGroupHasItsOwnBatch() {
        var outbox = Outbox()
        let (a, b) = (Group(group("a")), Group(group("b")))
        let pushes = ["1", "2", "3"].map(push)
        outbox.add(pushes[0], to: a, nil, counters(raw: 1, framed: 0))
        outbox.add(pushes[1], to: b, nil, counters(raw: 1, framed: 0))
        outbox.add(pushes[2], to: a, nil, counters(raw: 1, framed: 0))
        let taken = outbox.take()
        #expect(taken.all == nil)
        #expect(taken.groups.count == 2)
        for (group, batch) in taken.groups {
            let expected = group === a ? [pushes[0], pushes[2]] : [pushes[1]]
            #expect(batch.pushes == expected.count)
            #expect(batch.bytes(isFramed: false) == joined(expected.map(\.raw)))
        }
    }

    @Test func takingLeavesNothing() throws {
        let test = TestNode()
        var outbox = Outbox()
        outbox.addToAll(push("x"), nil, counters(raw: 1, framed: 1))
        outbox.add(push("x"), to: Group(group("a")), nil, counters(raw: 1, framed: 1))
        outbox.select([try test.session()], push("x"), nil, isOrdered: false)
        let first = outbox.take()
        #expect(first.all != nil && first.groups.count == 1 && first.selections.count == 1)
        let second = outbox.take()
        #expect(second.all == nil && second.groups.isEmpty && second.selections.isEmpty)
    }

    @Test func theCollectorsStayWithTheirBatch() throws {
        var outbox = Outbox()
        let collectors = (0..<3).map { _ in ReceiptCollector(shards: 1) { _ in } }
        outbox.addToAll(push("1"), collectors[0], counters(raw: 1, framed: 0))
        outbox.addToAll(push("2"), nil, counters(raw: 1, framed: 0))
        outbox.addToAll(push("3"), collectors[1], counters(raw: 1, framed: 0))
        outbox.add(push("4"), to: Group(group("a")), collectors[2], counters(raw: 1, framed: 0))
        let taken = outbox.take()
        #expect(taken.all?.collectors.map(ObjectIdentifier.init) == collectors[..<2].map(ObjectIdentifier.init))
        #expect(taken.groups.first?.1.collectors.map(ObjectIdentifier.init) == [ObjectIdentifier(collectors[2])])
    }
}

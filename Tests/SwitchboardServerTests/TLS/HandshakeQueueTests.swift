import Testing

@testable import SwitchboardServer

@Suite struct HandshakeQueueTests {
    private static let second = HandshakeQueue<String>.grace

    /// The number, and who has to give way; nil for a refusal.
    private func begun<Element>(
        _ element: Element, _ queue: inout HandshakeQueue<Element>, now: UInt64
    ) -> (number: UInt64, displaced: Element?)? {
        guard case .admitted(let number, let displaced) = queue.begin(element, now: now) else { return nil }
        return (number, displaced)
    }

    @Test func theOldestGivesWayWhenItHasLasted() throws {
        var queue = HandshakeQueue<String>(limit: 2)
        #expect(try #require(begun("a", &queue, now: 0)).displaced == nil)
        let second = try #require(begun("b", &queue, now: 1))
        #expect(second.displaced == nil)
        #expect(begun("c", &queue, now: Self.second - 1) == nil)
        #expect(try #require(begun("d", &queue, now: Self.second)).displaced == "a")
        queue.end(second.number)
        #expect(try #require(begun("e", &queue, now: Self.second)).displaced == nil)
        #expect(begun("f", &queue, now: 2 * Self.second - 1) == nil)
        #expect(try #require(begun("g", &queue, now: 2 * Self.second)).displaced == "d")
        #expect(queue.count == 2)
    }

    @Test func endingTwiceIsEndingOnce() throws {
        var queue = HandshakeQueue<Int>(limit: 1)
        let first = try #require(begun(1, &queue, now: 0))
        #expect(try #require(begun(2, &queue, now: Self.second)).displaced == 1)
        queue.end(first.number)
        #expect(queue.count == 1)
        #expect(begun(3, &queue, now: Self.second) == nil)
    }

    @Test func withoutALimitAllStay() throws {
        var queue = HandshakeQueue<Int>(limit: 0)
        for number in 0..<10_000 { #expect(try #require(begun(number, &queue, now: .max / 2)).displaced == nil) }
        #expect(queue.count == 10_000)
    }

    /// One that lasts must not hold up the memory of the thousands that come and go meanwhile.
    @Test func thoseThatHaveEndedDoNotGather() throws {
        var queue = HandshakeQueue<Int>(limit: 100)
        _ = queue.begin(-1, now: 0)
        for number in 0..<100_000 { queue.end(try #require(begun(number, &queue, now: 1)).number) }
        #expect(queue.count == 1)
        #expect(queue.remembered <= 100)
    }
}

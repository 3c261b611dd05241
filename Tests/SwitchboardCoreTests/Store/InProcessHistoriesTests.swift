import NIOCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardCore

/// What the shared contract cannot see: the clock and the bounds.
@Suite struct InProcessHistoriesTests {
    private let clock = FakeClock()

    private func histories(_ maximumBytes: Int = InProcessHistories.maximumBytes) -> InProcessHistories {
        InProcessHistories(maximumBytes: maximumBytes) { [clock] in clock.now }
    }

    private func append(
        _ histories: InProcessHistories, to name: String = "g", bytes: Int = 1, lifetime: Double = 60, limit: Int = 0
    ) -> HistoryOffset? {
        let push = BusPush(
            id: PushID(unchecked: "p"), target: .group(group(name)),
            payload: Payload(format: .binary, bytes: ByteBuffer(repeating: 1, count: bytes)),
            durable: BusPush.Durable(expiresAt: clock.now + UInt64(lifetime * 1000)))
        let kept = Mutex<BusPush.Place?>(nil)
        histories.append(
            push, limit: limit, publish: { _ in 1 },
            completion: { result in kept.withLock { $0 = try? result.get().place } })
        return kept.withLock { $0 }.flatMap { HistoryOffset($0.text) }
    }

    private func missed(_ histories: InProcessHistories, _ name: String = "g", after offset: HistoryOffset?) -> Int? {
        histories.page(of: "group:" + name, after: offset, limit: 300).pushes?.count
    }

    @Test func twoClustersHaveDifferentEpochs() {
        let (one, two) = (histories(), histories())
        let (seen, other) = (append(one), append(two))
        #expect(seen?.epoch != other?.epoch)
        #expect(missed(one, after: seen) == 0)
        #expect(missed(two, after: seen) == nil)
    }

    @Test func aPushIsThereUntilItsTimeIsUp() {
        let histories = histories()
        let seen = append(histories, lifetime: 100)
        _ = append(histories, lifetime: 10)
        _ = append(histories, lifetime: 20)
        clock.advance(seconds: 9.999)
        #expect(missed(histories, after: seen) == 2)
        clock.advance(seconds: 0.001)
        #expect(missed(histories, after: seen) == nil)
    }

    @Test func theOldestOfAllChannelsGiveWay() {
        let size = InProcessMailbox.entryOverhead + 1000
        let histories = histories(10 * size)
        let begins = (0..<4).map { histories.page(of: "group:g\($0)", after: nil, limit: 1).newest }
        for channel in [0, 0, 1, 1, 1, 1, 2, 2, 2, 2] {
            #expect(append(histories, to: "g\(channel)", bytes: 1000) != nil)
        }
        #expect((0..<3).map { missed(histories, "g\($0)", after: begins[$0]) } == [2, 4, 4])
        for _ in 0..<3 { _ = append(histories, to: "g3", bytes: 1000) }
        #expect((0..<4).map { missed(histories, "g\($0)", after: begins[$0]) } == [nil, nil, 4, 3])
        // A push that is larger than all of them together is kept by nobody, and that is noticed.
        let large = append(histories, to: "g3", bytes: 20 * size)
        #expect((0..<4).map { missed(histories, "g\($0)", after: begins[$0]) } == [nil, nil, nil, nil])
        #expect(missed(histories, "g3", after: large) == 0)
    }

    @Test func trimmedPushesDoNotDisplaceOthers() {
        let size = InProcessMailbox.entryOverhead + 1000
        let histories = histories(10 * size)
        let begin = histories.page(of: "group:quiet", after: nil, limit: 1).newest
        _ = append(histories, to: "quiet", bytes: 1000)
        for _ in 0..<10_000 { _ = append(histories, to: "busy", bytes: 1000, limit: 3) }
        #expect(missed(histories, "quiet", after: begin) == 1)
    }

    @Test func manyEmptyHistoriesAreForgottenWithoutASilentHole() {
        let histories = histories()
        let begin = histories.page(of: "group:g", after: nil, limit: 1).newest
        let seen = append(histories, lifetime: 1)
        let stays = append(histories, to: "stays", lifetime: 1e6)
        clock.advance(seconds: 2)
        for index in 0...InProcessHistories.keptEmpty { _ = append(histories, to: "c\(index)", lifetime: 0) }
        #expect(missed(histories, after: begin) == nil)
        let new = histories.page(of: "group:g", after: nil, limit: 1).newest
        #expect(new.offset >= seen?.offset ?? .zero)
        _ = append(histories)
        #expect(missed(histories, after: begin) == nil)
        #expect(missed(histories, after: new) == 1)
        #expect(missed(histories, "stays", after: stays) == 0)
        #expect(missed(histories, "stays", after: begin) == 1)
    }

    @Test(arguments: [Target.client(client("a")), .clients([client("a")]), .labels(["a": "b"])])
    func othersHaveNoHistory(target: Target) {
        let push = BusPush(
            id: PushID(unchecked: "p"), target: target, payload: text("x"), durable: BusPush.Durable(expiresAt: .max))
        let failed = Mutex(false)
        histories().append(
            push, limit: 0, publish: { _ in 1 },
            completion: { result in
                if case .failure = result { failed.withLock { $0 = true } }
            })
        #expect(failed.withLock { $0 })
    }
}

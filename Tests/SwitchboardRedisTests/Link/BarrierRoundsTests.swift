import NIOCore
import SwitchboardCore
import Synchronization
import Testing

@testable import SwitchboardRedis

struct BarrierRoundsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let ended = Ended()

    private final class Ended: Sendable {
        private let names = Mutex<[String]>([])
        func waiter(_ name: String) -> BarrierRounds.Waiter {
            { [self] _ in names.withLock { $0.append(name) } }
        }
        /// Completes them and tells who it was.
        func of(_ waiters: [BarrierRounds.Waiter]) -> [String] {
            for waiter in waiters { waiter(.success(())) }
            return names.withLock { names in
                defer { names = [] }
                return names
            }
        }
    }

    private func rounds(limit: Int = 10) -> BarrierRounds { BarrierRounds(timeout: .seconds(2), limit: limit) }

    @Test func aTokenHasToComeBackByEveryWay() {
        var rounds = BarrierRounds(timeout: .seconds(2), limit: 10, ways: [.shared, .node])
        #expect(rounds.join(ended.waiter("a"), now: start).begun == 1)
        #expect(ended.of(rounds.returned(1, by: .node, now: start).done) == [])
        #expect(ended.of(rounds.returned(1, by: .node, now: start).done) == [], "twice by one way")
        #expect(ended.of(rounds.returned(1, by: .shared, now: start).done) == ["a"])
    }

    @Test func whoComesLateTakesPartInTheNextRound() {
        var rounds = rounds()
        #expect(rounds.join(ended.waiter("a"), now: start).begun == 1)
        #expect(rounds.join(ended.waiter("b"), now: start).begun == nil)
        #expect(rounds.join(ended.waiter("c"), now: start).begun == nil)
        let (done, next) = rounds.returned(1, now: start)
        #expect(ended.of(done) == ["a"])
        #expect(next.begun == 2)
        let (others, last) = rounds.returned(2, now: start)
        #expect(ended.of(others) == ["b", "c"])
        #expect(last.begun == nil)
        #expect(rounds.join(ended.waiter("d"), now: start).begun == 3)
    }

    @Test func tokensOfOtherRoundsMeetNobody() {
        var rounds = rounds()
        #expect(ended.of(rounds.returned(1, now: start).done) == [])
        _ = rounds.join(ended.waiter("a"), now: start)
        _ = rounds.join(ended.waiter("b"), now: start)
        #expect(ended.of(rounds.returned(2, now: start).done) == [])
        #expect(ended.of(rounds.returned(1, now: start).done) == ["a"])
        #expect(ended.of(rounds.returned(1, now: start).done) == [])
        #expect(ended.of(rounds.failed(1)) == [])
        #expect(ended.of(rounds.failed(2)) == ["b"])
        #expect(ended.of(rounds.returned(2, now: start).done) == [])
    }

    @Test func aLostLinkFailsEverybody() {
        var rounds = rounds()
        #expect(ended.of(rounds.failed()) == [])
        _ = rounds.join(ended.waiter("a"), now: start)
        _ = rounds.join(ended.waiter("b"), now: start)
        #expect(ended.of(rounds.failed()) == ["a", "b"])
        #expect(rounds.join(ended.waiter("c"), now: start).begun == 2)
    }

    @Test func oneTimerServesAllRounds() {
        var rounds = rounds()
        #expect(rounds.join(ended.waiter("a"), now: start).timer == start + .seconds(2))
        #expect(rounds.returned(1, now: start).done.count == 1)
        #expect(rounds.join(ended.waiter("b"), now: start + .seconds(1)).timer == nil)
        guard case .arm(let deadline) = rounds.deadlinePassed(now: start + .seconds(2)) else {
            Issue.record("it is not set again")
            return
        }
        #expect(deadline == start + .seconds(3))
        _ = rounds.join(ended.waiter("c"), now: start + .seconds(2))
        guard case .fail(let waiters) = rounds.deadlinePassed(now: deadline) else {
            Issue.record("it does not fail")
            return
        }
        #expect(ended.of(waiters) == ["b", "c"])
        #expect(rounds.join(ended.waiter("d"), now: deadline).timer == deadline + .seconds(2))
        #expect(ended.of(rounds.returned(3, now: deadline).done) == ["d"])
    }

    @Test func anIdleTimerIsNotSetAgain() {
        var rounds = rounds()
        _ = rounds.join(ended.waiter("a"), now: start)
        _ = rounds.returned(1, now: start)
        guard case .nothing = rounds.deadlinePassed(now: start + .seconds(2)) else {
            Issue.record("something is done")
            return
        }
        #expect(rounds.join(ended.waiter("b"), now: start + .seconds(9)).timer == start + .seconds(11))
    }

    @Test func notMoreMayWaitThanTheLimit() {
        var rounds = rounds(limit: 1)
        _ = rounds.join(ended.waiter("a"), now: start)
        _ = rounds.join(ended.waiter("b"), now: start)
        guard case .refuse = rounds.join(ended.waiter("c"), now: start) else {
            Issue.record("not refused")
            return
        }
    }
}

extension BarrierRounds.JoinAction {
    fileprivate var begun: Int? { if case .begin(let number, _) = self { number } else { nil } }
    fileprivate var timer: NIODeadline? { if case .begin(_, let timer) = self { timer } else { nil } }
}

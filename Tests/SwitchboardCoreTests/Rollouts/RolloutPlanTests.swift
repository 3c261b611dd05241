import SwitchboardCore
import Testing

@Suite struct RolloutPlanTests {
    /// One client a millisecond, no canary, and 10 % of at least 10 may fail.
    private func terms(
        _ total: Int, canary: Int = 0, rate: Int = 60_000, share: Double = 0.1, minimum: Int = 10, wait: Double = 30
    ) -> RolloutTerms {
        RolloutTerms(total: total, canary: canary, rate: rate, share: share, minimum: minimum, canaryWait: wait)
    }

    /// A plan that is past its canary.
    private func running(_ terms: RolloutTerms, now: UInt64 = 0) -> RolloutPlan {
        var plan = RolloutPlan(terms, now: now)
        plan.proceeded()
        return plan
    }

    // MARK: Pace

    @Test("Clients are begun in order, at the rate")
    func rate() {
        // Ten a second.
        var plan = running(terms(100, rate: 600, share: 1))
        #expect(plan.next(now: 0) == .begin(0..<1))
        plan.began(0..<1, now: 0)
        #expect(plan.next(now: 0) == .wait(until: 100))
        #expect(plan.next(now: 99) == .wait(until: 100))
        #expect(plan.next(now: 100) == .begin(1..<2))
        plan.began(1..<2, now: 100)
        // A leader that was late makes up for a little, and no more.
        #expect(plan.next(now: 10_000) == .begin(2..<5))
        plan.began(2..<5, now: 10_000)
        #expect(plan.next(now: 10_001) == .wait(until: 10_050))
    }

    @Test("Within a minute as many are begun as the rate says", arguments: [60, 600, 6000, 60_000])
    func rateOverTime(rate: Int) {
        var plan = running(terms(100_000, rate: rate, share: 1))
        var begun = 0
        for now in stride(from: UInt64(0), to: 60_000, by: 25) {
            while case .begin(let range) = plan.next(now: now) {
                plan.began(range, now: now)
                begun += range.count
                for index in range { plan.settle(index, isFailure: false) }
            }
        }
        #expect(abs(begun - rate) <= rate / 100 + 1)
    }

    @Test("No more than the limit are under way")
    func mostUnderWay() {
        var plan = running(terms(100_000, share: 1))
        var now: UInt64 = 0
        while now < 5000 {
            if case .begin(let range) = plan.next(now: now) { plan.began(range, now: now) }
            now += 25
        }
        #expect(plan.progress.started == RolloutTerms.maximumUnderWay)
        #expect(plan.next(now: now) == .wait(until: nil))
        plan.settle(7, isFailure: false)
        #expect(plan.next(now: now) == .begin(1000..<1001))
    }

    @Test("When all are decided it is finished")
    func finish() {
        var plan = running(terms(3))
        plan.began(0..<3, now: 0)
        for index in 0..<3 {
            #expect(plan.next(now: 1) == .wait(until: nil))
            plan.settle(index, isFailure: false)
        }
        #expect(plan.next(now: 1) == .finish)
        #expect(plan.progress.succeeded == 3)
    }

    // MARK: When to stop

    @Test("It is stopped with the client that carries the failures over the threshold, and not before")
    func threshold() {
        var plan = running(terms(1000))
        plan.began(0..<100, now: 0)
        for index in 0..<90 { plan.settle(index, isFailure: false) }
        for index in 90..<100 {
            #expect(plan.progress.failed == index - 90)
            plan.settle(index, isFailure: true)
        }
        // 10 of 100 are just as many as may fail.
        #expect(plan.next(now: 1000) == .begin(100..<101), "one that may fail: 11 of 101 would be too many")
        plan.began(100..<101, now: 1000)
        #expect(plan.next(now: 2000) == .wait(until: nil))
        plan.settle(100, isFailure: true)
        #expect(plan.next(now: 2000) == .abort("11 of 101 decided clients failed"))
    }

    @Test("Below the minimum nothing is stopped")
    func minimum() {
        var plan = running(terms(100, minimum: 10))
        plan.began(0..<9, now: 0)
        for index in 0..<9 { plan.settle(index, isFailure: true) }
        #expect(plan.next(now: 1000) == .begin(9..<10))
        plan.began(9..<10, now: 1000)
        #expect(plan.next(now: 2000) == .wait(until: nil), "were it to fail, it would be stopped")
        plan.settle(9, isFailure: false)
        #expect(plan.next(now: 2000) == .abort("9 of 10 decided clients failed"))
    }

    @Test("Without tolerance one is begun after the other")
    func none() {
        var plan = running(terms(100, share: 0, minimum: 1))
        for index in 0..<5 {
            #expect(plan.next(now: UInt64(index) * 1000) == .begin(index..<(index + 1)))
            plan.began(index..<(index + 1), now: UInt64(index) * 1000)
            #expect(plan.next(now: UInt64(index) * 1000 + 500) == .wait(until: nil))
            plan.settle(index, isFailure: index == 4)
        }
        #expect(plan.next(now: 5000) == .abort("1 of 5 decided clients failed"))
    }

    @Test("Whatever the outcomes, failures never go more than one beyond the threshold", arguments: 0..<200)
    func bound(seed: Int) {
        var random = Seeded(UInt64(seed))
        let terms = terms(
            600, canary: Int.random(in: 0...40, using: &random), share: Double.random(in: 0...0.5, using: &random),
            minimum: Int.random(in: 1...30, using: &random))
        let bad = Double.random(in: 0...1, using: &random)
        var plan = RolloutPlan(terms, now: 0)
        var underWay: [Int] = []
        var now: UInt64 = 0
        var isEnded = false
        loop: while true {
            now += 5
            switch plan.next(now: now, isEnded: isEnded) {
            case .begin(let range):
                #expect(!isEnded)
                plan.began(range, now: now)
                underWay += range
            case .proceed: plan.proceeded()
            case .abort: isEnded = true
            case .finish: break loop
            case .wait: break
            }
            let late = Int.random(in: 0...3, using: &random)
            for _ in 0..<min(late, underWay.count) {
                let index = underWay.remove(at: Int.random(in: underWay.indices, using: &random))
                plan.settle(index, isFailure: Double.random(in: 0...1, using: &random) < bad)
            }
        }
        let progress = plan.progress
        #expect(progress.underWay == 0)
        let allowed = max(terms.share * Double(progress.started), Double(terms.minimum - 1))
        #expect(Double(progress.failed) <= allowed + 1)
        #expect(isEnded || progress.started == terms.total)
    }

    @Test("A client that is decided twice counts once")
    func twice() {
        var plan = running(terms(10))
        plan.began(0..<2, now: 0)
        let isNew = plan.settle(0, isFailure: true)
        #expect(isNew)
        // Known, not begun, no place at all.
        for index in [0, 5, -1] {
            let isCounted = plan.settle(index, isFailure: false)
            #expect(!isCounted)
        }
        #expect(plan.progress.decided == 1)
        #expect(plan.underWay == [1])
    }

    // MARK: Canary

    @Test("The canary goes first, and the rest waits until all of it is decided")
    func canary() {
        var plan = RolloutPlan(terms(100, canary: 5), now: 0)
        #expect(plan.next(now: 100) == .begin(0..<5), "and no further")
        plan.began(0..<5, now: 100)
        for index in 0..<4 { plan.settle(index, isFailure: false) }
        #expect(plan.next(now: 200) == .wait(until: 30_100))
        plan.settle(4, isFailure: false)
        #expect(plan.next(now: 200) == .proceed)
        plan.proceeded()
        #expect(plan.progress.phase == .running)
        guard case .begin(let range) = plan.next(now: 200) else {
            Issue.record("the rest is to begin")
            return
        }
        #expect(range.lowerBound == 5)
    }

    @Test("One failure in a canary of five is too much: there the minimum is one")
    func badCanary() {
        var plan = RolloutPlan(terms(100, canary: 5), now: 0)
        plan.began(0..<5, now: 0)
        plan.settle(0, isFailure: true)
        #expect(plan.next(now: 1) == .abort("1 of 5 clients of the canary failed"))
    }

    @Test("A canary may have as many failures as the share allows")
    func goodCanary() {
        var plan = RolloutPlan(terms(100, canary: 20, share: 0.1, minimum: 50), now: 0)
        plan.began(0..<20, now: 0)
        for index in 0..<20 { plan.settle(index, isFailure: index < 2) }
        #expect(plan.next(now: 1) == .proceed)
    }

    @Test("A canary that is not decided in time is judged by those that are")
    func lateCanary() {
        var plan = RolloutPlan(terms(100, canary: 5, share: 0.3, wait: 2), now: 0)
        plan.began(0..<5, now: 1000)
        #expect(plan.next(now: 2999) == .wait(until: 3000))
        #expect(plan.next(now: 3000) == .abort("no client of the canary was decided in time"))
        plan.settle(0, isFailure: false)
        #expect(plan.next(now: 3000) == .proceed)
        plan.settle(1, isFailure: true)
        #expect(plan.next(now: 3000) == .abort("1 of 2 decided clients of the canary failed"))
    }

    @Test("A canary may be everybody")
    func everybody() {
        var plan = RolloutPlan(terms(3, canary: 9), now: 0)
        plan.began(0..<3, now: 0)
        for index in 0..<3 { plan.settle(index, isFailure: false) }
        #expect(plan.next(now: 1) == .finish)
    }

    // MARK: Operators

    @Test("While it is paused nobody is begun, and a pause is not made up for")
    func paused() {
        var plan = running(terms(100, rate: 600, share: 1))
        plan.began(0..<1, now: 0)
        #expect(plan.next(now: 5000, isHeld: true) == .wait(until: nil))
        #expect(plan.next(now: 60_000) == .begin(1..<4))
    }

    @Test("What is under way when it is paused is still judged")
    func pausedAndBad() {
        var plan = running(terms(100, minimum: 1))
        plan.began(0..<1, now: 0)
        plan.settle(0, isFailure: true)
        #expect(plan.next(now: 1, isHeld: true) == .abort("1 of 1 decided clients failed"))
    }

    @Test("After an abort nobody is begun, and those under way are awaited")
    func aborted() {
        var plan = running(terms(100))
        plan.began(0..<2, now: 0)
        #expect(plan.next(now: 1000, isEnded: true) == .wait(until: nil))
        plan.settle(0, isFailure: true)
        plan.settle(1, isFailure: false)
        #expect(plan.next(now: 1000, isEnded: true) == .finish)
    }

    // MARK: Taking over

    @Test("Who takes over goes on where the other was, and knows who is under way")
    func takenOver() {
        var progress = RolloutProgress()
        (progress.phase, progress.started, progress.succeeded, progress.failed) = (.running, 6, 3, 1)
        let outcomes = [(0, false), (1, true), (2, false), (4, false)].map { (index: $0.0, isFailure: $0.1) }
        var plan = RolloutPlan(terms(100, canary: 3), progress: progress, outcomes: outcomes, now: 7000)
        #expect(plan.progress == progress)
        #expect(plan.underWay == [3, 5])
        #expect(plan.next(now: 7000) == .begin(6..<7))
        // What the other had begun is decided here.
        let isNew = plan.settle(5, isFailure: true)
        #expect(isNew)
        let isRepeated = plan.settle(4, isFailure: true)
        #expect(!isRepeated)
        #expect(plan.progress.failed == 2)
    }

    @Test("What another has written that cannot be does no harm")
    func absurd() {
        var progress = RolloutProgress()
        (progress.started, progress.succeeded) = (-5, 99)
        #expect(RolloutPlan(terms(3), progress: progress, now: 0).progress.started == 0)
        progress.started = 99
        let plan = RolloutPlan(terms(3), progress: progress, outcomes: [(index: 77, isFailure: true)], now: 0)
        #expect(plan.progress.started == 3)
        #expect(plan.underWay == [0, 1, 2])
    }
}

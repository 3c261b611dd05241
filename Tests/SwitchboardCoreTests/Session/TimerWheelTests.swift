import SwitchboardCore
import Testing

@Suite struct TimerWheelTests {
    /// - Returns: The tick at which each token came, over so many ticks.
    private func run(_ wheel: inout TimerWheel, ticks: Int) -> [UInt64: [UInt64]] {
        var came: [UInt64: [UInt64]] = [:]
        for _ in 0..<ticks {
            for token in wheel.tick() { came[token, default: []].append(wheel.now) }
        }
        return came
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 8, 9, 100] as [UInt64])
    func aTokenComesOnceAndInTime(ticks: UInt64) {
        var wheel = TimerWheel(slots: 4)
        _ = run(&wheel, ticks: 3)
        wheel.schedule(7, after: ticks)
        #expect(run(&wheel, ticks: 300) == [7: [3 + max(1, ticks)]])
    }

    @Test(arguments: [-1, 0, 1])
    func aWheelHasTwoSlotsAtLeast(slots: Int) {
        var wheel = TimerWheel(slots: slots)
        wheel.schedule(1, after: 5)
        #expect(run(&wheel, ticks: 20) == [1: [5]])
    }

    @Test func theSameTokenMayWaitTwice() {
        var wheel = TimerWheel(slots: 4)
        wheel.schedule(1, after: 2)
        wheel.schedule(1, after: 6)
        wheel.schedule(2, after: 6)
        #expect(run(&wheel, ticks: 20) == [1: [2, 6], 2: [6]])
    }

    @Test func theClockCountsTheTicks() {
        var wheel = TimerWheel(slots: 4)
        _ = run(&wheel, ticks: 11)
        #expect(wheel.now == 11)
    }

    @Test(arguments: Seeded.seeds)
    func agreesWithAListOfTimes(seed: UInt64) {
        var random = Seeded(seed)
        let slots = 2 + random.below(40)
        var wheel = TimerWheel(slots: slots)
        var waiting: [UInt64: [UInt64]] = [:]
        var token: UInt64 = 0
        for tick in 1...5000 as ClosedRange<UInt64> {
            for _ in 0..<random.below(4) {
                token += 1
                let ticks = random.chance(20) ? random.below(2) : random.below(slots * 5)
                wheel.schedule(token, after: UInt64(ticks))
                waiting[wheel.now + UInt64(max(1, ticks)), default: []].append(token)
            }
            let due = wheel.tick()
            guard due.sorted() == (waiting.removeValue(forKey: tick) ?? []).sorted() else {
                Issue.record("at tick \(tick) of a wheel of \(slots): \(due)")
                return
            }
        }
        #expect(token > 5000)
    }
}

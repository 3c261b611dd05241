import Testing

@testable import SwitchboardServer

@Suite struct KeySetScheduleTests {
    private let second: UInt64 = 1_000_000_000

    @Test("An unknown key causes one fetch; then it is known to be absent, and others have to wait")
    func unknown() {
        var schedule = KeySetSchedule(interval: 300 * second)
        #expect(schedule.step(missing: "a", now: 100 * second) == .fetch)
        schedule.began(now: 100 * second)
        #expect(schedule.step(missing: "b", now: 100 * second) == .fetch, "it waits for the one under way")
        schedule.ended(isSuccess: true, now: 101 * second)
        schedule.note(absent: "a")
        #expect(schedule.step(missing: "a", now: 102 * second) == .absent)
        #expect(schedule.step(missing: "c", now: 102 * second) == .later(8))
        #expect(schedule.step(missing: "c", now: 110 * second - 1) == .later(1))
        #expect(schedule.step(missing: "c", now: 110 * second) == .fetch)
        #expect(schedule.step(missing: "a", now: 110 * second) == .fetch, "it may have come meanwhile")
    }

    @Test("While fetches fail nobody is refused for good") func failing() {
        var schedule = KeySetSchedule(interval: 300 * second)
        schedule.began(now: 0)
        schedule.ended(isSuccess: true, now: 0)
        schedule.note(absent: "a")
        schedule.began(now: 10 * second)
        schedule.ended(isSuccess: false, now: 11 * second)
        #expect(schedule.step(missing: "a", now: 12 * second) == .later(8))
    }

    @Test("The names that are remembered are bounded, and forgotten with the next set") func bounded() {
        var schedule = KeySetSchedule(interval: 0)
        schedule.began(now: 0)
        schedule.ended(isSuccess: true, now: 0)
        for name in 0..<1000 { schedule.note(absent: "\(name)") }
        #expect(schedule.step(missing: "99", now: 1) == .absent)
        #expect(schedule.step(missing: "100", now: 1) == .later(10))
        schedule.began(now: 20 * second)
        schedule.ended(isSuccess: true, now: 20 * second)
        #expect(schedule.step(missing: "99", now: 20 * second) == .later(10))
    }

    @Test("After a failure it comes back sooner, but not ever sooner") func retries() {
        var schedule = KeySetSchedule(interval: 60 * second)
        var pauses: [UInt64] = []
        for _ in 0..<6 {
            schedule.began(now: 0)
            schedule.ended(isSuccess: false, now: 0)
            pauses.append((schedule.due ?? 0) / second)
        }
        #expect(pauses == [5, 10, 20, 40, 60, 60])
        schedule.ended(isSuccess: true, now: 0)
        #expect(schedule.due == 60 * second)
    }

    @Test("Without an interval it comes back after failures only") func never() {
        var schedule = KeySetSchedule(interval: 0)
        schedule.ended(isSuccess: true, now: 0)
        #expect(schedule.due == nil)
        for _ in 0..<20 { schedule.ended(isSuccess: false, now: 0) }
        #expect(schedule.due == 300 * second)
    }
}

import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct BodyClockTests {
    private var clock = BodyClock(limit: .seconds(10))

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test mutating func onlyWaitingCounts() {
        clock.wants(at: at(0))
        clock.wants(at: at(2))
        #expect(clock.remaining(at: at(4)) == .seconds(6))
        clock.came(at: at(4), isPart: false)
        // The node has enough to do.
        #expect(clock.remaining(at: at(100)) == .seconds(6))
        clock.came(at: at(100), isPart: false)
        clock.wants(at: at(100))
        #expect(clock.remaining(at: at(106)) == .zero)
    }

    @Test mutating func aTrickleIsNoProgress() {
        for second in 0..<10 {
            clock.wants(at: at(Int64(second)))
            clock.came(at: at(Int64(second) + 1), isPart: false)
        }
        #expect(clock.remaining(at: at(10)) <= .zero)
    }

    @Test mutating func aPartBeginsAnew() {
        clock.wants(at: at(0))
        clock.came(at: at(9), isPart: true)
        clock.wants(at: at(9))
        #expect(clock.remaining(at: at(10)) == .seconds(9))
    }
}

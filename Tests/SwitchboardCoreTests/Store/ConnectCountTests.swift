import Testing

@testable import SwitchboardCore

@Suite struct ConnectCountTests {
    private static let start: UInt64 = 1_700_000_000_000

    private func connect(_ count: inout ConnectCount, times: Int, at seconds: Double) -> [Int?] {
        (0..<times).map { _ in count.count(now: Self.start + UInt64(seconds * 1000)) }
    }

    @Test func fifteenConnectsWithinAMinuteAreFineAndTheNextWaits() {
        var count = ConnectCount()
        #expect(connect(&count, times: 15, at: 0) == Array(repeating: nil, count: 15))
        #expect(connect(&count, times: 1, at: 0) == [300])
        #expect(connect(&count, times: 1, at: 100) == [200])
        #expect(connect(&count, times: 1, at: 299) == [1])
    }

    @Test func tryingWhileItCoolsDownMakesItNoLonger() {
        var count = ConnectCount()
        _ = connect(&count, times: 16, at: 0)
        for second in stride(from: 1.0, to: 300, by: 1) { _ = connect(&count, times: 5, at: second) }
        #expect(connect(&count, times: 1, at: 300) == [nil])
    }

    @Test func afterwardsItMayConnectAsOftenAsBefore() {
        var count = ConnectCount()
        _ = connect(&count, times: 16, at: 0)
        #expect(connect(&count, times: 15, at: 301) == Array(repeating: nil, count: 15))
        #expect(connect(&count, times: 1, at: 301) == [300])
    }

    @Test func aMinuteLaterTheCountBeginsAnew() {
        var count = ConnectCount()
        #expect(connect(&count, times: 15, at: 0).allSatisfy { $0 == nil })
        #expect(connect(&count, times: 15, at: 60).allSatisfy { $0 == nil })
        #expect(connect(&count, times: 1, at: 119) == [300])
    }

    @Test func aConnectEveryFiveSecondsIsNeverRefused() {
        var count = ConnectCount()
        for second in stride(from: 0.0, to: 3600, by: 5) { #expect(connect(&count, times: 1, at: second) == [nil]) }
    }
}

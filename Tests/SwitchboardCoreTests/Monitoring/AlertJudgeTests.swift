import NIOCore
import Testing

@testable import SwitchboardCore

@Suite struct AlertJudgeTests {
    private let slow: AlertRule
    private let fast: AlertRule
    private var rules: [AlertRule] { [slow, fast] }

    init() throws {
        slow = try AlertRule("slow: cpu > 0.5 for 10 amber")
        fast = try AlertRule("fast: cpu > 0.9")
    }

    private func health(_ cpu: Double) throws -> HealthReading {
        try #require(HealthReading(ByteBuffer(string: #"{"cpu":\#(cpu)}"#)))
    }

    @Test func whatHoldsAtOnceIsRaisedAtOnceAndOnce() throws {
        var judge = AlertJudge(raised: [])
        #expect(try judge.judge(health(0.1), by: [fast], now: 1).isEmpty)
        #expect(try judge.judge(health(0.95), by: [fast], now: 2) == [.raised(fast, .number(0.95), since: 2)])
        #expect(try judge.judge(health(0.96), by: [fast], now: 3) == [.stays(fast, .number(0.96))])
        #expect(try judge.judge(health(0.2), by: [fast], now: 4) == [.cleared(fast, .number(0.2))])
        #expect(try judge.judge(health(0.2), by: [fast], now: 5).isEmpty)
        #expect(!judge.isWaiting)
    }

    @Test func whatMustLastIsRaisedByTheNextWordOfTheClient() throws {
        var judge = AlertJudge(raised: [])
        #expect(try judge.judge(health(0.6), by: [slow], now: 1000).isEmpty)
        #expect(judge.isWaiting)
        #expect(try judge.judge(health(0.7), by: [slow], now: 10_999).isEmpty)
        #expect(try judge.judge(health(0.8), by: [slow], now: 11_000) == [.raised(slow, .number(0.8), since: 1000)])
        #expect(!judge.isWaiting)
    }

    @Test func whatMustLastIsRaisedByTime() throws {
        var judge = AlertJudge(raised: [])
        _ = try judge.judge(health(0.6), by: rules, now: 1000)
        #expect(judge.timePassed(by: rules, now: 10_999).isEmpty)
        #expect(judge.timePassed(by: rules, now: 11_000) == [.raised(slow, .number(0.6), since: 1000)])
        #expect(judge.timePassed(by: rules, now: 12_000).isEmpty)
    }

    @Test func aGapBeginsAnew() throws {
        var judge = AlertJudge(raised: [])
        _ = try judge.judge(health(0.6), by: [slow], now: 0)
        #expect(try judge.judge(health(0.4), by: [slow], now: 9000).isEmpty)
        #expect(!judge.isWaiting)
        _ = try judge.judge(health(0.6), by: [slow], now: 9500)
        #expect(judge.timePassed(by: [slow], now: 12_000).isEmpty)
        #expect(judge.timePassed(by: [slow], now: 19_500).count == 1)
    }

    @Test func aFieldThatIsGoneEndsTheAlert() throws {
        var judge = AlertJudge(raised: [])
        _ = try judge.judge(health(1), by: [fast], now: 0)
        let empty = try #require(HealthReading(ByteBuffer(string: "{}")))
        #expect(judge.judge(empty, by: [fast], now: 1) == [.cleared(fast, nil)])
    }

    @Test func whatWasRaisedBeforeTheSessionIsNotRaisedAgain() throws {
        var judge = AlertJudge(raised: ["slow", "fast"])
        #expect(
            try judge.judge(health(0.6), by: rules, now: 0)
                == [.stays(slow, .number(0.6)), .cleared(fast, .number(0.6))])
    }

    @Test func aClockThatIsSetBackRaisesNothingEarly() throws {
        var judge = AlertJudge(raised: [])
        _ = try judge.judge(health(0.6), by: [slow], now: 100_000)
        #expect(judge.timePassed(by: [slow], now: 50_000).isEmpty)
        #expect(judge.timePassed(by: [slow], now: 60_000) == [.raised(slow, .number(0.6), since: 50_000)])
    }

    @Test func rulesForThoseWhoAreGoneAreNoneForHealth() throws {
        var judge = AlertJudge(raised: [])
        #expect(try judge.judge(health(1), by: [AlertRule("away: offline")], now: 0).isEmpty)
    }
}

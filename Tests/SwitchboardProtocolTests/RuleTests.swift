import SwitchboardProtocol
import Testing

@Suite struct RuleTests {
    @Test(arguments: [
        (UInt16(1000), CloseCode.Advice.backOff), (1001, .backOff), (1006, .backOff), (1009, .backOff),
        (3999, .backOff),
        (4000, .stop), (4001, .stop), (4003, .stop), (4099, .stop), (4100, .backOff), (4105, .backOff),
        (4199, .backOff),
        (4200, .afterDelay), (4202, .afterDelay), (4299, .afterDelay), (4300, .backOff), (4999, .backOff),
    ])
    func theRangeTellsWhatToDo(code: UInt16, advice: CloseCode.Advice) {
        #expect(CloseCode(rawValue: code).advice == advice)
    }

    @Test func onlySomeCodesMayStandInACloseFrame() {
        let allowed = (0...UInt16.max).filter { CloseCode(rawValue: $0).mayBeSent }
        #expect(allowed == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
    }

    @Test(
        arguments: [
            ("after=5", 5), ("after=0", 0), ("after=2.5", 2.5), ("draining after=7", 7), ("draining; after=7, bye", 7),
            ("x,after=1;y", 1),
            ("", nil), ("after", nil), ("after=", nil), ("after=x", nil), ("after=-1", nil), ("after=inf", nil),
            ("after=nan", nil),
            ("thereafter=5", nil), ("after = 5", nil),
        ] as [(String, Double?)])
    func theReasonMayNameADelay(reason: String, delay: Double?) {
        #expect(CloseCode.delay(inReason: reason) == delay)
    }

    @Test func aReasonIsCutBetweenCharacters() {
        let limit = CloseCode.maximumReasonBytes
        let short = String(repeating: "x", count: limit)
        #expect(CloseCode.fitted(reason: short) == short)
        #expect(CloseCode.fitted(reason: short + "x") == short)
        // Characters of 2, 3 and 4 bytes, each at every place around the limit.
        for character in ["é", "€", "😀"] {
            for lead in (limit - 5)...limit {
                let reason = String(repeating: "x", count: lead) + character + character
                let fitted = CloseCode.fitted(reason: reason)
                #expect(fitted.utf8.count <= limit)
                #expect(fitted.utf8.count > limit - character.utf8.count)
                #expect(reason.unicodeScalars.starts(with: fitted.unicodeScalars))
                #expect(!fitted.unicodeScalars.contains("\u{FFFD}"))
            }
        }
    }

    @Test func theBackOffDoublesUpToItsBound() {
        var policy = ReconnectPolicy(minimum: 1, maximum: 30)
        let bounds = (0..<8).map { _ in
            defer { _ = policy.delay(afterLifetime: nil, random: 0) }
            return policy.bound
        }
        #expect(bounds == [1, 2, 4, 8, 16, 30, 30, 30])
        for _ in 0..<100 { _ = policy.delay(afterLifetime: nil, random: 0) }
        #expect(policy.bound == 30)
    }

    @Test func theDelayIsAnywhereBelowTheBound() {
        var policy = ReconnectPolicy()
        let delays = [0, 0.25, 0.5, 0.99].map { policy.delay(afterLifetime: nil, random: $0) }
        #expect(delays == [0, 0.5, 2, 7.92])
    }

    @Test func aHealthyLinksLossIsSpreadOver5Seconds() {
        var policy = ReconnectPolicy()
        let first = policy.delay(afterLifetime: 3600, random: 0.5)
        #expect(first == 2.5)
        // The attempts that follow fail: the back-off, from its second step.
        let second = policy.delay(afterLifetime: nil, random: 0.5)
        #expect(second == 1)
    }

    @Test func only60StableSecondsResetTheCount() {
        var policy = ReconnectPolicy()
        for _ in 0..<4 { _ = policy.delay(afterLifetime: nil, random: 0) }
        let short = policy.delay(afterLifetime: 59.9, random: 0.5)
        #expect(short == 8)
        let stable = policy.delay(afterLifetime: 60, random: 0.5)
        #expect(stable == 2.5)
        #expect(policy.failures == 1)
    }

    @Test func whatTheServerAskedForIsALowerBound() {
        var policy = ReconnectPolicy()
        let failed = policy.delay(afterLifetime: nil, atLeast: 10, random: 0)
        #expect(failed == 10)
        let jittered = policy.delay(afterLifetime: nil, atLeast: 10, random: 0.5)
        #expect(jittered == 11)
    }
}

import NIOCore
import SwitchboardCore
import Testing

@testable import SwitchboardServer

@Suite struct WebhookVerdictTests {
    private static let hour = 3_600_000

    /// A claim of events that were added so many milliseconds ago.
    private func claim(ages: [Int] = [0, 0], attempts: Int = 0, failures: Int = 0) -> WebhookClaim {
        let now = 1_700_000_000_000
        let events = ages.enumerated().map { index, age in
            ClaimedWebhook(
                id: StreamOffset(milliseconds: UInt64(now - age), sequence: UInt64(index)), lane: 0,
                document: ByteBuffer(string: "{}"), attempts: attempts, refusals: 0)
        }
        return WebhookClaim(token: "t", events: events, now: UInt64(now), failures: failures)
    }

    private func settlement(
        _ answer: WebhookAnswer, patience: Int = hour, random: Double = 0, attempts: Int = 0, failures: Int = 0
    ) -> WebhookSettlement {
        WebhookVerdict(patience: patience, random: { random }).settlement(
            of: claim(attempts: attempts, failures: failures), after: answer)
    }

    @Test("Whatever a success says is a success", arguments: [200, 201, 202, 204, 299])
    func success(status: Int) {
        let settlement = settlement(.status(status, retryAfter: 5, body: ByteBuffer(string: "<html>")), failures: 3)
        #expect(settlement.entries.map(\.outcome) == [.delivered, .delivered])
        #expect(settlement.trouble == nil)
        #expect(settlement.pause == 0)
        #expect(settlement.token == "t")
    }

    @Test(
        "What is refused is tried again, and only the second refusal in a row holds up others",
        arguments: [100, 301, 400, 401, 403, 404, 413, 500, 501])
    func refusal(status: Int) {
        let first = settlement(.status(status))
        #expect(first.isRefusal)
        #expect(first.trouble == "HTTP \(status)")
        #expect(first.pause == 0)
        #expect(first.entries.map(\.outcome) == [.again(after: 1000), .again(after: 1000)])
        #expect(settlement(.status(status), failures: 1).pause == 2000)
    }

    @Test(
        "What is nobody's fault holds up everything from the first time",
        arguments: [
            WebhookAnswer.status(408), .status(425), .status(429), .status(502), .status(503), .status(504),
            .nothing("no answer in time"),
        ])
    func unreachable(answer: WebhookAnswer) {
        let settlement = settlement(answer)
        #expect(!settlement.isRefusal)
        #expect(settlement.pause == 1000)
        #expect(settlement.entries.allSatisfy { $0.outcome == .again(after: 1000) })
    }

    @Test("Waits double up to a twelfth of the patience") func waits() {
        let pauses = (0...12).map { settlement(.nothing("x"), failures: $0).pause }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300].map { $0 * 1000 })
        #expect(settlement(.nothing("x"), failures: 1_000_000).pause == 300_000)
        let tries = (0...10).map { settlement(.nothing("x"), attempts: $0).entries[0].outcome }
        #expect(tries[3] == .again(after: 8000))
        #expect(tries[10] == .again(after: 300_000))
    }

    @Test("Up to a half of a wait is taken off at random") func jitter() {
        #expect(settlement(.nothing("x"), random: 1, failures: 3).pause == 4000)
        #expect(settlement(.nothing("x"), random: 0.5, failures: 3).pause == 6000)
    }

    @Test("A shorter patience makes all waits shorter", arguments: [1000, 2000, 60_000])
    func scaled(patience: Int) {
        let pauses = (0...20).map { settlement(.nothing("x"), patience: patience, failures: $0).pause }
        #expect(pauses.allSatisfy { (1...patience / 12).contains($0) })
        #expect(pauses.last == patience / 12)
    }

    @Test("Retry-After is obeyed, but not for ever", arguments: [429, 503])
    func retryAfter(status: Int) {
        #expect(settlement(.status(status, retryAfter: 17)).pause == 17_000)
        #expect(settlement(.status(status, retryAfter: 17)).entries[0].outcome == .again(after: 17_000))
        #expect(settlement(.status(status, retryAfter: 0)).pause == 1000)
        #expect(settlement(.status(status, retryAfter: 1e300)).pause == Self.hour)
        #expect(settlement(.status(500, retryAfter: 17)).pause == 0)
    }

    @Test("Who is gone gets nothing more for a while") func gone() {
        let settlement = settlement(.status(410))
        #expect(settlement.entries.map(\.outcome) == [.givenUp, .givenUp])
        #expect(settlement.pause == 300_000)
        #expect(!settlement.isRefusal)
    }

    @Test("What has been tried for too long is given up, the rest is not") func patience() {
        let verdict = WebhookVerdict(patience: 1000, random: { 0 })
        let settlement = verdict.settlement(of: claim(ages: [1000, 999, 5000]), after: .status(500))
        #expect(settlement.entries.map(\.outcome) == [.givenUp, .again(after: 16), .givenUp])
    }

    @Test("A long reason is cut") func reason() {
        let settlement = settlement(.nothing(String(repeating: "x", count: 1000)))
        #expect(settlement.trouble?.utf8.count == DeadWebhook.reasonLength)
    }
}

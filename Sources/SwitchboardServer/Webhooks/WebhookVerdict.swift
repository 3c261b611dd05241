import SwitchboardCore

/// Decides what becomes of events by what their backend answered.
///
/// | answer | the events | everything else |
/// |---|---|---|
/// | 2xx | are delivered | goes on |
/// | 410 | are given up | waits for a twelfth of the patience |
/// | 429, 503 with `Retry-After` | are tried again | waits for as long |
/// | 408, 425, 429, 502, 503, 504, or none | are tried again later | waits, longer with every failure in a row |
/// | any other | are tried again later, with fewer others | waits from the second failure in a row on |
///
/// The waits are 1 s, 2 s, 4 s ... up to 5 min for a patience of 1 h, of which a random half is taken off; for a shorter
/// patience all of it is shorter. What is older than the patience is given up.
struct WebhookVerdict: Sendable {
    /// Milliseconds for which an event is tried.
    let patience: Int
    /// 0 to 1.
    let random: @Sendable () -> Double

    init(patience: Int, random: @escaping @Sendable () -> Double = { .random(in: 0...1) }) {
        self.patience = patience
        self.random = random
    }

    func settlement(of claim: WebhookClaim, after answer: WebhookAnswer) -> WebhookSettlement {
        let trouble = Self.trouble(answer)
        guard let trouble else {
            return WebhookSettlement(
                claim, entries: claim.events.map { .init(event: $0, outcome: .delivered) }, trouble: nil)
        }
        let isRefusal = Self.isRefusal(answer)
        let pause = pause(after: answer, isRefusal: isRefusal, failures: claim.failures)
        let isGone = if case .status(410, _, _) = answer { true } else { false }
        let entries = claim.events.map { event -> WebhookSettlement.Entry in
            let age = claim.now - min(claim.now, event.id.milliseconds)
            guard !isGone, age < UInt64(patience) else { return .init(event: event, outcome: .givenUp) }
            return .init(event: event, outcome: .again(after: max(pause, wait(after: event.attempts))))
        }
        return WebhookSettlement(claim, entries: entries, trouble: trouble, isRefusal: isRefusal, pause: pause)
    }

    /// nil for a success.
    private static func trouble(_ answer: WebhookAnswer) -> String? {
        switch answer {
        case _ where answer.isSuccess: nil
        case .status(let status, _, _): "HTTP \(status)"
        case .nothing(let words): String(words.prefix(DeadWebhook.reasonLength))
        }
    }

    private static func isRefusal(_ answer: WebhookAnswer) -> Bool {
        switch answer {
        case .status(408, _, _), .status(410, _, _), .status(425, _, _), .status(429, _, _), .status(502...504, _, _):
            false
        case .status: true
        case .nothing: false
        }
    }

    /// Milliseconds.
    private func pause(after answer: WebhookAnswer, isRefusal: Bool, failures: Int) -> Int {
        switch answer {
        case .status(410, _, _): return longestWait
        case .status(429, let asked?, _), .status(503, let asked?, _):
            // As long as was asked for, but not for ever.
            return max(wait(after: failures), min(patience, Int(min(asked, 1e6) * 1000)))
        default: return isRefusal && failures == 0 ? 0 : wait(after: failures)
        }
    }

    private var longestWait: Int { max(1, patience / 12) }

    /// Milliseconds after so many failures before this one.
    private func wait(after failures: Int) -> Int {
        let first = min(1000, max(1, patience / 60))
        let whole = min(longestWait, first << min(failures, 30))
        return whole - Int(Double(whole) / 2 * random())
    }
}

/// Judges one session's health by the rules: which of them it breaks, since when, and whether for long enough.
///
/// Times are Unix milliseconds. What it finds is carried out by whoever owns it.
public struct AlertJudge: Sendable {
    public enum Finding: Hashable, Sendable {
        /// - Parameter since: When the condition began to hold.
        case raised(AlertRule, AlertValue, since: UInt64)
        /// It has been raised before, perhaps by another node, and goes on.
        case stays(AlertRule, AlertValue)
        case cleared(AlertRule, AlertValue?)
    }

    private enum Standing {
        /// It holds, not yet for long enough.
        case waits(AlertValue, since: UInt64)
        case raised
    }

    private var standings: [String: Standing] = [:]

    /// - Parameter raised: Names of alerts that the client has had since before this session.
    public init(raised: some Sequence<String>) {
        for name in raised { standings[name] = .raised }
    }

    /// Whether a condition may hold for long enough before anything else is heard.
    public var isWaiting: Bool {
        standings.values.contains { if case .waits = $0 { true } else { false } }
    }

    /// The client has told its health.
    public mutating func judge(_ health: HealthReading, by rules: [AlertRule], now: UInt64) -> [Finding] {
        var findings: [Finding] = []
        for rule in rules where !rule.isOffline {
            let standing = standings[rule.name]
            guard let value = rule.violation(in: health) else {
                guard let standing else { continue }
                standings[rule.name] = nil
                guard case .raised = standing, case .field(let path, _, _) = rule.condition else { continue }
                findings.append(.cleared(rule, health.value(at: path)))
                continue
            }
            switch standing {
            case .raised: findings.append(.stays(rule, value))
            case .waits(_, let since): wait(rule, value, since: since, now, &findings)
            case nil: wait(rule, value, since: now, now, &findings)
            }
        }
        return findings
    }

    /// Time passes without a word of the client.
    public mutating func timePassed(by rules: [AlertRule], now: UInt64) -> [Finding] {
        var findings: [Finding] = []
        for rule in rules {
            guard case .waits(let value, let since)? = standings[rule.name] else { continue }
            wait(rule, value, since: since, now, &findings)
        }
        return findings
    }

    private mutating func wait(
        _ rule: AlertRule, _ value: AlertValue, since: UInt64, _ now: UInt64, _ findings: inout [Finding]
    ) {
        // The wall clock may have been set back meanwhile.
        let since = min(since, now)
        guard now - since >= rule.duration else {
            standings[rule.name] = .waits(value, since: since)
            return
        }
        standings[rule.name] = .raised
        findings.append(.raised(rule, value, since: since))
    }
}

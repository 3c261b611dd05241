import SwitchboardCore
import SwitchboardProtocol

/// What became of pushes, by the kind of their targets.
struct PushTally: Sendable {
    enum Kind: Int, CaseIterable, Sendable {
        case client, clients, group, labels, all

        init(_ target: Target) {
            switch target {
            case .client: self = .client
            case .clients: self = .clients
            case .group: self = .group
            case .labels: self = .labels
            case .all: self = .all
            }
        }
    }

    /// The best that came of a push.
    enum Outcome: Int, CaseIterable, Sendable {
        /// Handed to a client at least.
        case delivered
        /// It waits in a mailbox.
        case queued
        /// Every client that it meant was too slow.
        case dropped
        /// Nobody was there.
        case offline
        /// A node has not said what it did with it.
        case unanswered
        /// There was no room in the mailbox.
        case refused
        /// The bus or the store was away.
        case failed

        init(_ report: PushReport) {
            if report.counts.delivered > 0 {
                self = .delivered
            } else if report.counts.queued > 0 {
                self = .queued
            } else if report.counts.dropped > 0 {
                self = .dropped
            } else {
                self = report.isFinal ? .offline : .unanswered
            }
        }

        init(_ failure: PushFailure) {
            switch failure {
            case .bus: self = .failed
            case .mailboxFull: self = .refused
            }
        }
    }

    private var counts = [Int](repeating: 0, count: Kind.allCases.count * Outcome.allCases.count)

    mutating func count(_ kind: Kind, _ outcome: Outcome) {
        counts[kind.rawValue * Outcome.allCases.count + outcome.rawValue] &+= 1
    }

    subscript(_ kind: Kind, _ outcome: Outcome) -> Int {
        counts[kind.rawValue * Outcome.allCases.count + outcome.rawValue]
    }

    var samples: [MetricSample] {
        Kind.allCases.flatMap { kind in
            Outcome.allCases.map { outcome in
                MetricSample(
                    self[kind, outcome], MetricLabel("target", "\(kind)"), MetricLabel("outcome", "\(outcome)"))
            }
        }
    }
}

/// How sessions ended. Codes that a client made up are counted together.
struct CloseTally: Sendable {
    private static let known: [CloseCode] = [
        .normal, .goingAway, .protocolError, .noStatus, .abnormal, .invalidPayload, .messageTooBig, .unauthenticated,
        .forbidden, .replaced, .closedByOperator, .malformedMessage, .overloaded, .slowConsumer, .inboundRateExceeded,
        .tokenExpired, .nodeDraining, .rebalanced, .noPong,
    ]
    private static let other = CloseCode(rawValue: 0)

    private var counts: [CloseCode: Int] = [:]

    mutating func count(_ code: CloseCode) { counts[Self.known.contains(code) ? code : Self.other, default: 0] &+= 1 }

    /// The client has closed: codes of ours mean something else with it.
    mutating func countWished(_ code: CloseCode) { count(code.rawValue < 4000 ? code : Self.other) }

    subscript(_ code: CloseCode) -> Int { counts[code] ?? 0 }

    static func + (left: CloseTally, right: CloseTally) -> CloseTally {
        var sum = left
        sum.counts.merge(right.counts, uniquingKeysWith: &+)
        return sum
    }

    /// The codes that occurred; nil for all that were made up.
    var counted: [(code: UInt16?, count: Int)] {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { code, count in
            (code == Self.other ? nil : code.rawValue, count)
        }
    }

    /// All codes, also those that did not occur: a counter that appears with its first 1 shows no rise.
    var samples: [MetricSample] {
        (Self.known + [Self.other]).map { code in
            MetricSample(self[code], MetricLabel("code", code == Self.other ? "other" : "\(code.rawValue)"))
        }
    }
}

/// Handshakes that were refused, by the code of the problem that was their answer. There are only so many codes.
struct RefusalTally: Sendable {
    private var counts: [String: Int] = [:]

    mutating func count(_ problem: Problem) { counts[problem.code, default: 0] &+= 1 }

    subscript(_ code: String) -> Int { counts[code] ?? 0 }

    static func + (left: RefusalTally, right: RefusalTally) -> RefusalTally {
        var sum = left
        sum.counts.merge(right.counts, uniquingKeysWith: &+)
        return sum
    }

    var samples: [MetricSample] {
        // Those that alerts look at are there from the start.
        Set(counts.keys).union(["overloaded", "bus_unavailable"]).sorted().map { code in
            MetricSample(self[code], MetricLabel("reason", code))
        }
    }
}

import Synchronization

/// Who was not let in, and why. There are only so many reasons, and none of them says who it was.
final class AuthTally: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// Of the HTTP API.
        case backend
        /// By WebSocket.
        case client
    }

    private struct Row: Hashable {
        let kind: Kind
        let reason: Refusal.Reason
    }

    private let counts = Mutex<[Row: Int]>([:])

    func count(_ refusal: Refusal, of kind: Kind) { count(reason: refusal.reason, of: kind) }

    func count(reason: Refusal.Reason, of kind: Kind) {
        counts.withLock { $0[Row(kind: kind, reason: reason), default: 0] += 1 }
    }

    subscript(_ kind: Kind, _ reason: Refusal.Reason) -> Int {
        counts.withLock { $0[Row(kind: kind, reason: reason)] ?? 0 }
    }

    /// All reasons, also those that did not occur: a counter that appears with its first 1 shows no rise.
    var samples: [MetricSample] {
        let counts = counts.withLock { $0 }
        return Kind.allCases.flatMap { kind in
            Refusal.Reason.allCases.map { reason in
                MetricSample(
                    counts[Row(kind: kind, reason: reason)] ?? 0, MetricLabel("kind", kind.rawValue),
                    MetricLabel("reason", reason.rawValue))
            }
        }
    }
}

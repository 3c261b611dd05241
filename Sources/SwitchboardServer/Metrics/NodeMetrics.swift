import CoreMetrics
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// What a node counts by way of swift-metrics, and what others have to say when somebody asks.
///
/// What happens for every push is counted where it happens, by the loop that does it (``ShardCounters``), and read when
/// Prometheus asks: a counter that all loops share would cost more than the push.
final class NodeMetrics: Sendable {
    /// The backend; libraries that speak swift-metrics record here too while the node runs.
    let registry: PrometheusRegistry
    private let commandLatency: Timer
    private let commandOutcomes: [String: Counter]
    private let limits: [Limit: Counter]
    private let mailboxPushes: Recorder
    private let mailboxBytes: Recorder
    private let totals = Mutex(CommandTotals())
    /// Sessions that there were when the node began to send them away.
    private let drained = Atomic(0)

    init() {
        let registry = PrometheusRegistry(catalogue: MetricCatalogue.recorded, scales: MetricCatalogue.scales)
        self.registry = registry
        commandLatency = Timer(label: MetricCatalogue.commandLatency.name, factory: registry)
        commandOutcomes = Dictionary(
            uniqueKeysWithValues: CommandOutcome.labels.map { label in
                let name = MetricCatalogue.commands.name
                return (label, Counter(label: name, dimensions: [("outcome", label)], factory: registry))
            })
        limits = Dictionary(
            uniqueKeysWithValues: Limit.allCases.map { limit in
                let name = MetricCatalogue.limited.name
                return (limit, Counter(label: name, dimensions: [("limit", limit.rawValue)], factory: registry))
            })
        mailboxPushes = Recorder(label: MetricCatalogue.mailboxPushes.name, factory: registry)
        mailboxBytes = Recorder(label: MetricCatalogue.mailboxBytes.name, factory: registry)
    }

    /// Somebody ran into a limit.
    func reached(_ limit: Limit) { limits[limit]?.increment() }

    /// A request is answered with a problem: counted when that is because of a limit.
    func answered(with problem: Problem) {
        if let limit = problem.limit { reached(limit) }
    }

    /// A command has come to its end.
    ///
    /// - Parameter nanoseconds: Since it was accepted.
    func ended(_ outcome: CommandOutcome, nanoseconds: UInt64) {
        commandOutcomes[outcome.label]?.increment()
        totals.withLock { $0.ended &+= 1 }
        guard case .result = outcome else { return }
        commandLatency.recordNanoseconds(Int64(clamping: nanoseconds))
        totals.withLock { totals in
            totals.results &+= 1
            totals.microseconds &+= Int(clamping: nanoseconds / 1000)
        }
    }

    /// The commands of this node's callers since its start.
    struct CommandTotals {
        var ended = 0
        /// Those of them that clients have answered ...
        var results = 0
        /// ... and how long that took, all together.
        var microseconds = 0
    }

    var commandTotals: CommandTotals { totals.withLock { $0 } }

    /// A push was added to a mailbox, in which so much waits now.
    func added(to size: MailboxSize) {
        mailboxPushes.record(size.pushes)
        mailboxBytes.record(size.bytes)
    }

    /// The node begins to send its sessions away; `drainProgress` tells how many of them are gone.
    func beganDraining(sessions: Int) {
        drained.store(max(1, sessions), ordering: .relaxed)
    }

    /// The node takes clients again.
    func endedDraining() { drained.store(0, ordering: .relaxed) }

    /// - Parameter sessions: Those that are left.
    func drainProgress(sessions: Int) -> Double {
        let first = drained.load(ordering: .relaxed)
        return first == 0 ? 0 : min(1, max(0, 1 - Double(sessions) / Double(first)))
    }
}

extension CommandOutcome {
    static let labels = [
        "result", "offline", "no_result", "unsupported", "queue_full", "conflict", "cancelled", "failed",
    ]

    /// Its name in metrics and logs, one of ``labels``.
    var label: String {
        switch self {
        case .result: "result"
        case .offline: "offline"
        case .noResult: "no_result"
        case .unsupported: "unsupported"
        case .queueFull: "queue_full"
        case .conflict: "conflict"
        case .cancelled: "cancelled"
        case .failed: "failed"
        }
    }
}

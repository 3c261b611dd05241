import SwitchboardRedis

/// How the bus is doing, for readiness and statistics. On a single node it is always well.
struct BusHealth: Sendable {
    private let cluster: RedisBackplane?

    /// Seconds within which a canary must have come back.
    static let canaryLimit = 10.0

    init(_ cluster: RedisBackplane?) { self.cluster = cluster }

    /// nil on a single node.
    var statistics: RedisStatistics? { cluster?.statistics }
    var unparsable: Int { cluster?.statistics.droppedMessages ?? 0 }
    var reconnects: Int { cluster?.statistics.reconnects ?? 0 }

    /// Milliseconds that the bus takes to carry something, as the last canary showed; nil before one has.
    var lag: Double? {
        guard let cluster else { return 0 }
        return cluster.statistics.canaryLag.map { ($0 * 1_000_000).rounded() / 1000 }
    }

    /// Why pushes would not be delivered now; nil when they would.
    var trouble: String? {
        guard let cluster else { return nil }
        guard cluster.bus.isAvailable else { return "Redis is away, or the subscriptions are not proved yet" }
        guard let age = cluster.statistics.canaryAge, age <= Self.canaryLimit else {
            return "no canary came back within \(Int(Self.canaryLimit)) s"
        }
        return nil
    }
}

public import Logging
public import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The bus and the store of a node in Redis: in a single one, in one that Sentinels watch, or in a Redis Cluster
/// (``RedisAddress/Topology-swift.enum``).
///
/// Make it, attach the receiver to ``bus``, then call ``run()``. Redis need not be there: until it is, everything is refused
/// with ``BusError/unavailable(_:)``.
public final class RedisBackplane: Sendable {
    public let bus: RedisBus
    public let store: RedisStore
    private let link: RedisLink
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter group: Where the connections live.
    public init(configuration: RedisConfiguration, group: any EventLoopGroup, logger: Logger) {
        link = RedisLink(configuration: configuration, group: group, logger: logger)
        bus = RedisBus(link: link)
        store = RedisStore(link: link)
    }

    /// Connects, and connects again for ever, until the task is cancelled or ``shutdown()`` is called.
    public func run() async throws {
        let running = Task { [link] in await link.run() }
        task.withLock { $0 = running }
        await withTaskCancellationHandler {
            await running.value
        } onCancel: {
            running.cancel()
        }
    }

    /// Tells the other nodes that this one leaves, waits until everything sent so far is answered, and ends ``run()``.
    public func shutdown() async {
        if link.isOpen {
            // Replies come in order: when this one is there, all earlier commands are done.
            await withCheckedContinuation { continuation in
                bus.publish(.nodeDown(bus.node)) { _ in continuation.resume() }
            }
        }
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

    public var statistics: RedisStatistics {
        RedisStatistics(
            reconnects: max(0, link.openings - 1), droppedMessages: link.drops.total, canaryAge: link.canaryAge,
            canaryLag: link.canaryLag, commands: link.commands, publishes: bus.publishes)
    }
}

/// What a ``RedisBackplane`` did since it was made.
public struct RedisStatistics: Sendable, Hashable {
    /// How often the link was proved again after it was lost.
    public var reconnects: Int
    /// Messages from the bus that could not be understood.
    public var droppedMessages: Int
    /// Seconds since a canary, published through Redis, last came back; nil when none ever did.
    public var canaryAge: Double?
    /// Seconds that the last canary took through Redis and back; nil when none ever came back.
    public var canaryLag: Double?
    /// Commands sent to Redis.
    public var commands: Int
    /// Messages sent over the bus.
    public var publishes: Int
}

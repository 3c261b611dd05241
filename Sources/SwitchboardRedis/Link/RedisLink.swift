import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// A node's way to Redis: connections for commands and such that listen, all made again for ever when one of them is lost.
///
/// It is open only while a canary that was published over the first has come back through the second, on the shared channel
/// and on the node's own.
final class RedisLink: Sendable {
    private struct Gate {
        /// Counts the sets of connections; one that is late to end must not shut the next.
        var life = 0
        var ready: Ready?
        var error = BusError.unavailable("not connected yet")
        var receiver: (any BusReceiver)?
        var lastCanary: NIODeadline?
        /// When the canary was sent that is under way, and how long the last one took.
        var canarySentAt: NIODeadline?
        var canaryLag: TimeAmount?
        var openSince: NIODeadline?
        /// How often the link was opened.
        var openings = 0
        /// Commands on connections that are gone.
        var commands = 0
        var lastPresenceLoss: NIODeadline?

        mutating func canaryReturned(at now: NIODeadline) {
            lastCanary = now
            if let sent = canarySentAt { canaryLag = now - sent }
            canarySentAt = nil
        }
    }

    let configuration: RedisConfiguration
    let keys: RedisKeys
    let dialect: PubSubDialect
    /// Asked for every push, so it is kept at hand.
    let isCluster: Bool
    let logger: Logger
    let drops: DropCounter
    /// Scripts that failed: the log has what Redis said, callers only of what kind it is.
    let refusals: DropCounter
    let group: any EventLoopGroup
    let barriers: Mutex<BarrierRounds>
    /// What the tokens of this process' barriers begin with.
    let barrierToken: String
    private let gate = Mutex(Gate())

    init(configuration: RedisConfiguration, group: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        let isCluster = configuration.address.isCluster
        self.isCluster = isCluster
        self.keys = RedisKeys(prefix: configuration.prefix.rawValue, isCluster: isCluster)
        self.dialect = isCluster ? .sharded : .plain
        self.group = group
        self.logger = logger
        self.drops = DropCounter(logger: logger)
        self.refusals = DropCounter(logger: logger, "Redis refused scripts")
        self.barriers = Mutex(
            BarrierRounds(
                timeout: .seconds(2), limit: configuration.commandLimit, ways: isCluster ? [.shared, .node] : [.node]))
        self.barrierToken = "\(configuration.node)/\(SessionID.random())/"
    }

    var isOpen: Bool { gate.withLock { $0.ready != nil } }

    /// Those for commands, while the link is open.
    var openConnections: [RedisConnection]? { gate.withLock { $0.ready }?.connections }

    var openings: Int { gate.withLock { $0.openings } }

    var openSince: NIODeadline? { gate.withLock { $0.ready == nil ? nil : $0.openSince } }

    /// Seconds since a canary last came back; nil when none ever did.
    var canaryAge: Double? {
        gate.withLock { $0.lastCanary }.map { Double((NIODeadline.now() - $0).nanoseconds) / 1e9 }
    }

    /// Seconds that the last canary took; nil when none ever came back.
    var canaryLag: Double? { gate.withLock { $0.canaryLag }.map { Double($0.nanoseconds) / 1e9 } }

    var commands: Int { gate.withLock { $0.commands + ($0.ready?.commands ?? 0) } }

    var receiver: (any BusReceiver)? { gate.withLock { $0.receiver } }

    func attach(_ receiver: any BusReceiver) { gate.withLock { $0.receiver = receiver } }

    /// Sends one command, or refuses it at once while the link is not open.
    ///
    /// - Parameter isKept: It is answered only when ``RedisConfiguration/minReplicas`` have it.
    func send(
        _ consumer: PendingCommand.Consumer, isKept: Bool = false, _ write: (inout CommandBuffer, ScriptTable) -> Void
    ) {
        guard let ready = gate.withLock({ $0.ready }) else {
            return PendingCommand(consumer: consumer, bytes: 0).fail(gate.withLock { $0.error })
        }
        ready.send(consumer, isKept: isKept, write)
    }

    /// A new set of connections is about to be made.
    ///
    /// - Returns: Its number, for ``shut(_:life:)``.
    func beginLife() -> Int {
        gate.withLock { gate in
            gate.life += 1
            return gate.life
        }
    }

    /// Opens the link: the canary is back.
    ///
    /// - Returns: How often it was opened before.
    func open(_ ready: Ready) -> Int {
        gate.withLock { gate in
            gate.ready = ready
            gate.canaryReturned(at: .now())
            gate.openSince = .now()
            defer { gate.openings += 1 }
            return gate.openings
        }
    }

    func canaryReturned() { gate.withLock { $0.canaryReturned(at: .now()) } }

    /// A canary is about to be sent; one at a time is under way.
    func canarySent() { gate.withLock { $0.canarySentAt = .now() } }

    /// Refuses commands from now on and fails those that wait.
    func shut(_ trouble: RedisTrouble, life: Int) {
        let ready: Ready? = gate.withLock { gate in
            guard gate.life == life else { return nil }
            gate.error = trouble.busError
            defer { gate.ready = nil }
            guard let ready = gate.ready else { return nil }
            gate.commands += ready.commands
            // Under the lock, so that it is told before the next life opens, and of what that hears nothing can be taken for
            // a time without a hole.
            gate.receiver?.busWasLost()
            return ready
        }
        guard let ready else { return }
        ready.close(trouble)
        failBarriers(trouble.busError)
    }

    /// Redis says of this node's live sessions that they are gone, after the node was held up for longer than its lease: has
    /// them written again.
    func presenceWasLost() {
        let receiver: (any BusReceiver)? = gate.withLock { gate in
            let now = NIODeadline.now()
            if let last = gate.lastPresenceLoss, now - last < .seconds(5) { return nil }
            gate.lastPresenceLoss = now
            return gate.receiver
        }
        guard let receiver else { return }
        logger.warning("presence of this node was given up while it lived; writing it again")
        receiver.busDidRecover()
    }
}

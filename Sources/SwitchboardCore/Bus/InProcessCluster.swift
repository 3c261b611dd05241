public import SwitchboardProtocol
import Synchronization

/// A cluster within one process: the bus and store of a single node without Redis, or of several nodes in a test.
public final class InProcessCluster: Sendable {
    private let receivers = Mutex<[NodeID: any BusReceiver]>([:])
    let presence: InProcessPresence
    let mailboxes: InProcessMailboxes
    let histories: InProcessHistories
    let ledger: InProcessLedger
    let webhooks: InProcessWebhooks
    let rollouts: InProcessRollouts

    /// - Parameters:
    ///   - resumeWindow: Seconds for which a lost client is `suspect`.
    ///   - clock: Unix milliseconds.
    public init(
        resumeWindow: Int = ResumeWindow.standard,
        clock: @escaping @Sendable () -> UInt64 = { WallClock.milliseconds() }
    ) {
        presence = InProcessPresence(resumeWindow: resumeWindow, clock: clock)
        mailboxes = InProcessMailboxes(clock: clock)
        histories = InProcessHistories(clock: clock)
        ledger = InProcessLedger(clock: clock)
        webhooks = InProcessWebhooks(clock: clock)
        rollouts = InProcessRollouts(clock: clock)
    }

    /// Adds a node. It takes part once its bus has a receiver.
    public func makeNode(_ id: NodeID) -> (bus: InProcessBus, store: InProcessStore) {
        (InProcessBus(node: id, cluster: self), InProcessStore(node: id, cluster: self))
    }

    /// The node is gone without a word, as after `kill -9`: it hears nothing more and its lease ends.
    public func lose(_ id: NodeID) {
        receivers.withLock { $0[id] = nil }
        presence.endLease(of: id)
    }

    func attach(_ receiver: any BusReceiver, as node: NodeID) {
        receivers.withLock { $0[node] = receiver }
    }

    func receiver(_ node: NodeID) -> (any BusReceiver)? {
        receivers.withLock { $0[node] }
    }

    /// nil when there are several.
    func onlyReceiver() -> (any BusReceiver)? {
        receivers.withLock { $0.count == 1 ? $0.values.first : nil }
    }

    func everyone() -> [any BusReceiver] {
        receivers.withLock { Array($0.values) }
    }
}

/// The bus of one node in an ``InProcessCluster``: a message is a plain call.
public final class InProcessBus: Bus {
    public let node: NodeID
    private let cluster: InProcessCluster

    init(node: NodeID, cluster: InProcessCluster) {
        self.node = node
        self.cluster = cluster
    }

    public var isAvailable: Bool { true }

    public func attach(_ receiver: any BusReceiver) {
        cluster.attach(receiver, as: node)
    }

    public func publish(_ message: BusMessage, completion: @escaping @Sendable (Result<Int, BusError>) -> Void) {
        let everyone = cluster.everyone()
        for receiver in everyone { receiver.receive(message) }
        completion(.success(everyone.count))
    }

    public func route(
        _ message: BusMessage, to client: ClientID,
        completion: @escaping @Sendable (Result<RouteOutcome, BusError>) -> Void
    ) {
        // A node that is alone need not look up where the client is: it knows itself whether it has it.
        guard
            let receiver = cluster.onlyReceiver()
                ?? cluster.presence.owner(of: client).flatMap({ cluster.receiver($0) })
        else { return completion(.success(.offline)) }
        receiver.receive(message)
        completion(.success(.routed(nodes: 1)))
    }

    public func send(_ message: BusMessage, to node: NodeID) {
        cluster.receiver(node)?.receive(message)
    }

    /// What is published has arrived when the call returns, but for what the store hands over in its order.
    public func barrier(completion: @escaping @Sendable (Result<Void, BusError>) -> Void) {
        HandOverQueue.barrier(cluster.mailboxes.queues + [cluster.histories.queue]) { completion(.success(())) }
    }
}

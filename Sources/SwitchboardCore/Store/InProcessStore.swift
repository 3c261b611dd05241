public import SwitchboardProtocol

/// The store of one node in an ``InProcessCluster``. Nothing is kept beyond the process.
public final class InProcessStore: Store {
    private let node: NodeID
    private let cluster: InProcessCluster

    init(node: NodeID, cluster: InProcessCluster) {
        self.node = node
        self.cluster = cluster
    }

    public func register(
        _ session: SessionRecord, policy: DuplicatePolicy,
        completion: @escaping @Sendable (Result<Registration, BusError>) -> Void
    ) {
        let (registration, eviction) = cluster.presence.register(session, policy: policy)
        if let (eviction, node) = eviction { cluster.receiver(node)?.receive(.evict(eviction)) }
        completion(.success(registration))
    }

    public func unregister(_ departure: Departure) { cluster.presence.unregister(departure) }

    /// Nothing to do: this store is never away.
    public func restore(_ sessions: [(record: SessionRecord, epoch: UInt64)]) async throws {}

    public func touch(_ changes: [PresenceChange]) { cluster.presence.touch(changes) }

    public func client(_ id: ClientID) async throws -> ClientPresence? { cluster.presence.client(id) }

    public func clients(_ filter: ClientFilter, limit: Int, after cursor: ClientID?) async throws -> ClientPage {
        cluster.presence.clients(filter, limit: limit, after: cursor)
    }

    public func beat(_ node: NodeDescription) async throws { cluster.presence.beat(node) }

    public func leave(_ node: NodeID) async throws { cluster.presence.endLease(of: node) }

    public func nodes() async throws -> [NodeDescription] { cluster.presence.nodes() }

    public func reap() async throws -> [(node: NodeID, clients: Int)] { cluster.presence.reap() }

    public func accept(_ message: UpstreamMessage, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        completion(.success(cluster.presence.isNew(message)))
    }
}

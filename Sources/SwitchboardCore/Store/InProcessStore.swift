public import NIOCore
public import SwitchboardProtocol

/// The store of one node in an ``InProcessCluster``. Nothing is kept beyond the process.
public final class InProcessStore: Store {
    private let node: NodeID
    private let cluster: InProcessCluster

    public var webhooks: any WebhookStore { cluster.webhooks }
    public var rollouts: any RolloutStore { cluster.rollouts }

    init(node: NodeID, cluster: InProcessCluster) {
        self.node = node
        self.cluster = cluster
    }
}

extension InProcessStore: PresenceStore {
    public func register(
        _ session: SessionRecord, policy: DuplicatePolicy,
        completion: @escaping @Sendable (Result<Registration, BusError>) -> Void
    ) {
        let (registration, eviction) = cluster.presence.register(session, policy: policy)
        if let (eviction, node) = eviction { cluster.receiver(node)?.receive(.evict(eviction)) }
        // The mailbox is looked at now that pushes go to the session, so that none slips through between the two.
        guard case .registered(let epoch, _) = registration else { return completion(.success(registration)) }
        completion(
            .success(.registered(epoch: epoch, hasMail: eviction != nil || cluster.mailboxes.hasMail(session.client))))
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

    public func leave(
        _ node: NodeID, telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws { cluster.presence.endLease(of: node) }

    public func nodes() async throws -> [NodeDescription] { cluster.presence.nodes() }

    public func reap(
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> [(node: NodeID, clients: Int)] {
        try await tell(cluster.presence.orphans())
        return cluster.presence.reap()
    }

    public func disown(
        _ node: NodeID, but own: @Sendable () async -> Set<SessionID>,
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> Int {
        let listed = cluster.presence.sessions(of: node)
        let strangers = listed.subtracting(await own())
        let losses = cluster.presence.lose { $0.node == node && strangers.contains($0.session) }
        try await tell(losses)
        return losses.count
    }

    public func accept(_ message: UpstreamMessage, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        completion(.success(cluster.presence.isNew(message)))
    }
}

extension InProcessStore: MailboxStore {
    public func enqueue(
        _ push: BusPush, limits: MailboxLimits, completion: @escaping @Sendable (Result<Enqueued, BusError>) -> Void
    ) {
        let cluster = cluster
        cluster.mailboxes.enqueue(
            push, limits: limits,
            publish: { push, client in
                guard let receiver = cluster.presence.owner(of: client).flatMap({ cluster.receiver($0) }) else {
                    return 0
                }
                receiver.receive(.push(push))
                return 1
            }, completion: completion)
    }

    public func mail(
        of client: ClientID, after offset: StreamOffset?, limit: Int, bytes: Int,
        completion: @escaping @Sendable (Result<MailPage, BusError>) -> Void
    ) {
        completion(.success(cluster.mailboxes.mail(of: client, after: offset, limit: limit, bytes: bytes)))
    }

    public func acknowledge(
        _ client: ClientID, upTo offset: StreamOffset,
        completion: @escaping @Sendable (Result<[AckedPush], BusError>) -> Void
    ) {
        completion(.success(cluster.mailboxes.acknowledge(client, upTo: offset)))
    }

    public func mailboxSize(of client: ClientID) async throws -> MailboxSize { cluster.mailboxes.size(of: client) }

    public func cancel(_ push: PushID, for client: ClientID) async throws -> Bool {
        cluster.mailboxes.cancel(push, for: client)
    }

    public func emptyMailbox(of client: ClientID) async throws -> [PushID] { cluster.mailboxes.empty(client) }

    /// All that are due.
    public func expireMail() async throws -> [ExpiredPush] { cluster.mailboxes.expire() }
}

extension InProcessStore: HistoryStore {
    public func append(
        _ push: BusPush, limit: Int,
        completion: @escaping @Sendable (Result<(place: BusPush.Place, nodes: Int), BusError>) -> Void
    ) {
        let cluster = cluster
        cluster.histories.append(
            push, limit: limit,
            publish: { push in
                let everyone = cluster.everyone()
                for receiver in everyone { receiver.receive(.push(push)) }
                return everyone.count
            }, completion: completion)
    }

    public func history(
        of channel: String, after offset: HistoryOffset?, limit: Int,
        completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void
    ) {
        completion(.success(cluster.histories.page(of: channel, after: offset, limit: limit)))
    }

    public func newestHistory(
        of channel: String, limit: Int, completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void
    ) {
        completion(.success(cluster.histories.newest(of: channel, limit: limit)))
    }
}

extension InProcessStore: LedgerStore {
    public func claim(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void
    ) {
        completion(.success(cluster.ledger.claim(key, value, seconds: seconds)))
    }

    public func write(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        cluster.ledger.write(key, value, seconds: seconds)
        completion(.success(()))
    }

    public func read(_ key: LedgerKey, completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void) {
        completion(.success(cluster.ledger.read(key)))
    }

    public func remove(_ key: LedgerKey) { cluster.ledger.remove(key) }

    public func note(_ entry: ByteBuffer, about push: PushID) { cluster.ledger.note(entry, about: push) }

    public func log(of push: PushID) async throws -> [(at: UInt64, entry: ByteBuffer)]? { cluster.ledger.log(of: push) }
}

public import SwitchboardProtocol

/// The cluster's memory: presence, mailboxes, histories, and what became of pushes and commands.
///
/// Completions are called exactly once, on any thread. Everything a node calls per connection or per message takes a
/// completion, so that no task is made for it; the rest is `async`.
public protocol Store: PresenceStore, MailboxStore, HistoryStore, LedgerStore {
    var webhooks: any WebhookStore { get }
    var rollouts: any RolloutStore { get }
}

/// Which client is online and where, which nodes live, and what clients sent up.
public protocol PresenceStore: AnyObject, Sendable {
    /// Makes `session` the client's current one, in one step with evicting the older: the older's node hears an
    /// ``BusMessage/evict(_:)`` on its own channel.
    ///
    /// - Parameter policy: What happens when the client has a live session elsewhere.
    func register(
        _ session: SessionRecord, policy: DuplicatePolicy,
        completion: @escaping @Sendable (Result<Registration, BusError>) -> Void)

    /// The session has ended. Ignored when it is no longer the client's current one (`epoch` is compared).
    func unregister(_ departure: Departure)

    /// Writes again what is known of live sessions, after the store was away. A session whose client has a newer epoch
    /// elsewhere meanwhile is evicted by an ``BusMessage/evict(_:)`` to this node.
    func restore(_ sessions: [(record: SessionRecord, epoch: UInt64)]) async throws

    /// Keeps what changed in sessions of this node: last life sign, round trip, groups, health.
    func touch(_ changes: [PresenceChange])

    /// - Returns: nil when nothing is known of the client.
    func client(_ id: ClientID) async throws -> ClientPresence?

    /// A page of clients in the order of their ids.
    func clients(_ filter: ClientFilter, limit: Int, after cursor: ClientID?) async throws -> ClientPage

    /// Renews this node's lease and its description.
    func beat(_ node: NodeDescription) async throws

    /// Gives the lease up in good order.
    ///
    /// - Parameter tell: As in ``reap(telling:)``, of sessions that have not ended.
    func leave(_ node: NodeID, telling tell: @Sendable ([SessionLoss]) async throws -> Void) async throws

    /// The nodes whose lease is alive.
    func nodes() async throws -> [NodeDescription]

    /// Shows the clients of nodes whose lease is gone as lost, with the reason.
    ///
    /// - Parameter tell: Hears of their sessions before they are forgotten, some at a time. When it fails, or this node dies
    ///   meanwhile, they are found again; so it may hear of a session twice, and of one that has ended otherwise.
    /// - Returns: The nodes that were found dead and the number of their clients.
    func reap(
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> [(node: NodeID, clients: Int)]

    /// Shows sessions as lost that the store has for a node and the node has not: those of a process that was killed and
    /// started again under the same id before its lease ended, and those that ended while the store was away.
    ///
    /// - Parameters:
    ///   - own: The sessions of the node, those that are just being registered among them. Asked after those of the store
    ///     were read, so that none is missed that came meanwhile.
    ///   - tell: As in ``reap(telling:)``.
    /// - Returns: The number of their clients.
    func disown(
        _ node: NodeID, but own: @Sendable () async -> Set<SessionID>,
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> Int

    /// Accepts an upstream message for the backends.
    ///
    /// - Parameter completion: `true` when it is new, `false` when its id was accepted within the last 5 minutes.
    func accept(_ message: UpstreamMessage, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void)
}

extension PresenceStore {
    /// Where nobody wants to hear of lost sessions.
    public func leave(_ node: NodeID) async throws { try await leave(node) { _ in } }

    public func reap() async throws -> [(node: NodeID, clients: Int)] { try await reap { _ in } }
}

/// What happens to a second session of one client.
public enum DuplicatePolicy: String, Sendable, Hashable, CaseIterable {
    /// The newest wins; the older is closed with 4003.
    case newest
    /// The newer is refused.
    case reject
}

/// What became of a registration.
public enum Registration: Sendable, Hashable {
    /// The session is the client's current one. `hasMail` is false when its mailbox is certainly empty,
    /// and no older session had to give way that may have left something there.
    case registered(epoch: UInt64, hasMail: Bool)
    /// The client connected too often (``RegistrationLimit``): seconds until it may again.
    case coolingDown(seconds: Int)
    /// `DuplicatePolicy.reject`, and the client is connected to this node.
    case duplicate(node: NodeID)
}

/// Two machines with one id fight for ever; so a client that connects too often has to wait.
public enum RegistrationLimit {
    /// That many connects ...
    public static let connects = 15
    /// ... within so many seconds ...
    public static let window = 60
    /// ... make it wait that many seconds.
    public static let coolDown = 300
}

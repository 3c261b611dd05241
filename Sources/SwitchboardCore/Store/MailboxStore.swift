public import SwitchboardProtocol

/// The durable queues of single clients. An entry stays until it is acked, has expired, is cancelled or displaced.
public protocol MailboxStore: AnyObject, Sendable {
    /// Keeps a durable push to one client (`target` is `.client`, `durable` without a place) and sends it, with its place, to the
    /// node that owns the client, in one step. An entry with the same `collapse` key that is still there is removed.
    func enqueue(
        _ push: BusPush, limits: MailboxLimits, completion: @escaping @Sendable (Result<Enqueued, BusError>) -> Void)

    /// Reads what waits for a client, oldest first. Expired entries are left out and removed.
    ///
    /// - Parameters:
    ///   - offset: Entries behind this one; nil from the beginning.
    ///   - limit: The most entries; the page also ends, never empty, when about `bytes` of payload are in it.
    func mail(
        of client: ClientID, after offset: StreamOffset?, limit: Int, bytes: Int,
        completion: @escaping @Sendable (Result<MailPage, BusError>) -> Void)

    /// Removes everything up to and including `offset`.
    ///
    /// - Parameter completion: What was removed, oldest first.
    func acknowledge(
        _ client: ClientID, upTo offset: StreamOffset,
        completion: @escaping @Sendable (Result<[AckedPush], BusError>) -> Void)

    /// How much waits for a client.
    func mailboxSize(of client: ClientID) async throws -> MailboxSize

    /// - Returns: false when no push of this id waits for the client.
    func cancel(_ push: PushID, for client: ClientID) async throws -> Bool

    /// - Returns: The pushes that were removed.
    func emptyMailbox(of client: ClientID) async throws -> [PushID]

    /// Removes entries whose time is up from mailboxes that nobody reads, some at a time; every node calls it now and then.
    func expireMail() async throws -> [ExpiredPush]
}

/// The bounds of one mailbox; 0 means none.
public struct MailboxLimits: Hashable, Sendable {
    public var pushes: Int
    /// Bytes of payload.
    public var bytes: Int
    /// What happens to a push that does not fit: refused, or the oldest give way.
    public var overflow: Overflow

    public enum Overflow: String, Hashable, Sendable, CaseIterable {
        case refuse
        case displace
    }

    public init(pushes: Int, bytes: Int, overflow: Overflow) {
        self.pushes = pushes
        self.bytes = bytes
        self.overflow = overflow
    }
}

public struct MailboxSize: Hashable, Sendable {
    public var pushes: Int
    /// Bytes of payload.
    public var bytes: Int

    public init(pushes: Int, bytes: Int) {
        self.pushes = pushes
        self.bytes = bytes
    }
}

/// What became of a durable push to one client.
public enum Enqueued: Hashable, Sendable {
    /// Kept; sent to so many nodes, each of which answers with a receipt (0: the client is not connected). `removed` are the
    /// pushes that gave way: the one with the same collapse key, and the displaced ones; `size` is what waits with it.
    case stored(BusPush.Place, nodes: Int, collapsed: PushID?, displaced: [PushID], size: MailboxSize)
    /// Refused: this much is in the mailbox already.
    case full(MailboxSize)
}

/// A part of a mailbox.
public struct MailPage: Hashable, Sendable {
    /// Each with its place.
    public var pushes: [BusPush]
    /// Entries that were found expired and removed.
    public var expired: [ExpiredPush]
    /// Whether anything is behind these.
    public var hasMore: Bool

    public init(pushes: [BusPush], expired: [ExpiredPush], hasMore: Bool) {
        self.pushes = pushes
        self.expired = expired
        self.hasMore = hasMore
    }
}

/// An entry that an ack removed.
public struct AckedPush: Hashable, Sendable {
    public var id: PushID
    /// Where the backend waits for the ack, when it does, and the push's ticket there.
    public var waiter: Waiter?

    public struct Waiter: Hashable, Sendable {
        public var node: NodeID
        public var ticket: UInt64

        public init(node: NodeID, ticket: UInt64) {
            self.node = node
            self.ticket = ticket
        }
    }

    public init(id: PushID, waiter: Waiter?) {
        self.id = id
        self.waiter = waiter
    }
}

/// A push that nobody took in time.
public struct ExpiredPush: Hashable, Sendable {
    public var id: PushID
    public var client: ClientID
    /// The backend's trace, when it named one; stores that cannot keep all of it leave its state out.
    public var trace: TraceContext?

    public init(id: PushID, client: ClientID, trace: TraceContext? = nil) {
        self.id = id
        self.client = client
        self.trace = trace
    }
}

public import NIOCore
public import SwitchboardProtocol

/// What backends are told of.
public enum WebhookKind: String, Sendable, Hashable, CaseIterable {
    case connected = "client.connected"
    case disconnected = "client.disconnected"
    case message = "client.message"
    case health = "client.health"
    case alertRaised = "client.alert.raised"
    case alertCleared = "client.alert.cleared"
    case pushExpired = "push.expired"
    case terminalAttached = "terminal.attached"
    case terminalEnded = "terminal.ended"

    /// When the queue is full it is refused, since whoever sent it can be told, or sends a newer one soon. The others happened
    /// and have to be told: they are kept as if they had been given up.
    public var isRefusable: Bool { self == .message || self == .health }
}

/// An event for the backends.
public struct WebhookEvent: Hashable, Sendable {
    public var kind: WebhookKind
    public var client: ClientID
    /// The whole event as it is delivered: a JSON object.
    public var document: ByteBuffer

    public init(kind: WebhookKind, client: ClientID, document: ByteBuffer) {
        self.kind = kind
        self.client = client
        self.document = document
    }
}

/// A session as the backends are told of it.
public struct WebhookSession: Hashable, Sendable {
    public var client: ClientID
    public var session: SessionID
    public var node: NodeID
    public var epoch: UInt64
    /// Unix milliseconds.
    public var connectedAt: UInt64

    public init(client: ClientID, session: SessionID, node: NodeID, epoch: UInt64, connectedAt: UInt64) {
        self.client = client
        self.session = session
        self.node = node
        self.epoch = epoch
        self.connectedAt = connectedAt
    }

    public init(_ record: SessionRecord, epoch: UInt64) {
        self.init(
            client: record.client, session: record.session, node: record.node, epoch: epoch,
            connectedAt: record.connectedAt)
    }
}

/// How a session ended.
public struct SessionLoss: Hashable, Sendable {
    public var client: ClientID
    public var session: SessionID
    /// Unix milliseconds.
    public var at: UInt64
    public var closeCode: UInt16
    public var reason: String
    /// The connection was lost without an orderly close.
    public var isLost: Bool

    public init(client: ClientID, session: SessionID, at: UInt64, closeCode: UInt16, reason: String, isLost: Bool) {
        self.client = client
        self.session = session
        self.at = at
        self.closeCode = closeCode
        self.reason = reason
        self.isLost = isLost
    }

    public init(_ departure: Departure) {
        self.init(
            client: departure.client, session: departure.session, at: departure.at, closeCode: departure.closeCode,
            reason: departure.reason, isLost: departure.isLost)
    }

    /// The session was on a node that died.
    public init(client: ClientID, session: SessionID, diedAt at: UInt64) {
        self.init(
            client: client, session: session, at: at, closeCode: CloseCode.abnormal.rawValue,
            reason: NodeLease.lostReason, isLost: true)
    }
}

/// A loss whose grace is over, with the session that it ended.
public struct OverdueLoss: Hashable, Sendable {
    public var session: WebhookSession
    public var loss: SessionLoss

    public init(session: WebhookSession, loss: SessionLoss) {
        self.session = session
        self.loss = loss
    }
}

/// How much may wait. 0 means no limit.
public struct WebhookLimits: Hashable, Sendable {
    public var events: Int
    /// Of the events' documents.
    public var bytes: Int

    public init(events: Int, bytes: Int) {
        self.events = events
        self.bytes = bytes
    }

    /// Whether one event more is too much.
    func isFull(events count: Int, bytes held: Int, adding more: Int) -> Bool {
        events > 0 && count >= events || bytes > 0 && held + more > bytes
    }
}

/// What became of an event that was to be added.
public enum WebhookAppended: Hashable, Sendable {
    case waits
    /// The queue is full: it is kept with those that were given up, from where it can be replayed.
    case givenUp
    /// The queue is full: it is kept nowhere.
    case refused
    /// A message whose id was accepted lately.
    case known
}

/// Events of one client are in one lane, and of one lane at most one request is under way: so a client's events arrive in their
/// order as long as nothing fails.
public enum WebhookLane {
    public static let count = 16

    /// FNV-1a, the same on every node.
    public static func of(_ client: ClientID) -> Int {
        var hash: UInt32 = 2_166_136_261
        for byte in client.rawValue.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return Int((hash ^ hash >> 16) % UInt32(count))
    }
}

public import NIOCore
public import SwitchboardProtocol

/// What nodes say to each other.
public enum BusMessage: Hashable, Sendable {
    case push(BusPush)
    case receipt(Receipt)
    /// A newer session of this client exists: close the older.
    case evict(Eviction)
    /// Do something to a client's session; answered with ``done``.
    case control(Control)
    case done(ControlOutcome)
    /// Tell something about yourself; answered with ``answer``.
    case query(Query)
    case answer(Answer)
    /// Proves that what is published comes back.
    case canary(String)
    /// A node has subscribed and takes part.
    case nodeUp(NodeID)
    /// A node has left in good order.
    case nodeDown(NodeID)
}

/// A push on its way to the sessions.
public struct BusPush: Hashable, Sendable {
    public var id: PushID
    public var target: Target
    public var payload: Payload
    /// The node that wants a receipt; nil when another program published it.
    public var origin: NodeID?
    /// Unix milliseconds at which the push was accepted; 0 when unknown.
    public var acceptedAt: UInt64

    public init(id: PushID, target: Target, payload: Payload, origin: NodeID? = nil, acceptedAt: UInt64 = 0) {
        self.id = id
        self.target = target
        self.payload = payload
        self.origin = origin
        self.acceptedAt = acceptedAt
    }
}

/// What one node did with a push.
public struct Receipt: Hashable, Sendable {
    public var push: PushID
    public var node: NodeID
    /// Sessions here that the target means.
    public var matched: Int
    /// Those of them to whose socket or socket queue it was handed.
    public var delivered: Int
    /// Those of them skipped because their queue was full.
    public var dropped: Int

    public init(push: PushID, node: NodeID, matched: Int, delivered: Int, dropped: Int) {
        self.push = push
        self.node = node
        self.matched = matched
        self.delivered = delivered
        self.dropped = dropped
    }
}

/// The older session of a client is to be closed.
public struct Eviction: Hashable, Sendable {
    public var client: ClientID
    /// The older session, which is to go.
    public var session: SessionID
    /// The newer session's epoch; a session at or above it stays.
    public var epoch: UInt64
    /// Where the newer session is, and from which address it came.
    public var node: NodeID
    public var address: String

    public init(client: ClientID, session: SessionID, epoch: UInt64, node: NodeID, address: String) {
        self.client = client
        self.session = session
        self.epoch = epoch
        self.node = node
        self.address = address
    }
}

/// Something to be done to a client's session, on whichever node it is.
public struct Control: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case close(code: UInt16, reason: String)
        case join(GroupName)
        case leave(GroupName)
    }
    public var id: String
    public var origin: NodeID
    public var client: ClientID
    public var action: Action

    public init(id: String, origin: NodeID, client: ClientID, action: Action) {
        self.id = id
        self.origin = origin
        self.client = client
        self.action = action
    }
}

/// What came of a ``Control``.
public struct ControlOutcome: Hashable, Sendable {
    public enum Result: String, Hashable, Sendable {
        case done
        /// The session is not on this node.
        case notHere
        /// A limit forbids it, such as the number of groups of one session.
        case refused
    }
    public var id: String
    public var node: NodeID
    public var result: Result

    public init(id: String, node: NodeID, result: Result) {
        self.id = id
        self.node = node
        self.result = result
    }
}

/// A question to every node.
public struct Query: Hashable, Sendable {
    public enum Subject: Hashable, Sendable {
        /// Names and member counts of all groups.
        case groups
        /// The clients in one group.
        case members(GroupName)
        /// The node's counters.
        case stats
    }
    public var id: String
    public var origin: NodeID
    public var subject: Subject

    public init(id: String, origin: NodeID, subject: Subject) {
        self.id = id
        self.origin = origin
        self.subject = subject
    }
}

/// One node's answer to a ``Query``: JSON whose shape the subject determines.
public struct Answer: Hashable, Sendable {
    public var id: String
    public var node: NodeID
    public var body: ByteBuffer

    public init(id: String, node: NodeID, body: ByteBuffer) {
        self.id = id
        self.node = node
        self.body = body
    }
}

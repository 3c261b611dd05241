public import SwitchboardProtocol

/// A push on its way to the sessions.
public struct BusPush: Hashable, Sendable {
    public var id: PushID
    public var target: Target
    public var payload: Payload
    /// The node that wants a receipt; nil when another program published it.
    public var origin: NodeID?
    /// What the origin knows the push by; receipts and acks carry it.
    public var ticket: UInt64
    /// Unix milliseconds at which the push was accepted; 0 when unknown.
    public var acceptedAt: UInt64
    /// What ``acceptedAt`` leaves out, 0-999: for measuring how long the push takes.
    public var microseconds: UInt16
    /// The origin wants to hear of acks as well.
    public var waits: Bool
    private var rarities: Rarities?

    /// What few pushes have. It is kept apart, so that the many that have nothing of it are small: a push is copied often.
    private final class Rarities: Hashable, Sendable {
        let durable: Durable?
        let trace: TraceContext?
        let from: ClientID?

        private init(_ durable: Durable?, _ trace: TraceContext?, _ from: ClientID?) {
            self.durable = durable
            self.trace = trace
            self.from = from
        }

        /// Not an initialiser that may fail: that of a class allocates before it does.
        static func of(_ durable: Durable?, _ trace: TraceContext?, _ from: ClientID?) -> Rarities? {
            durable == nil && trace == nil && from == nil ? nil : Rarities(durable, trace, from)
        }

        static func == (left: Rarities, right: Rarities) -> Bool {
            left.durable == right.durable && left.trace == right.trace && left.from == right.from
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(durable)
            hasher.combine(trace)
            hasher.combine(from)
        }
    }

    /// nil when the push is transient.
    public var durable: Durable? {
        get { rarities?.durable }
        set { rarities = .of(newValue, trace, from) }
    }

    /// Cheaper to ask than whether there is a ``durable``.
    public var isDurable: Bool { rarities?.durable != nil }

    /// The backend's trace, when it named one.
    public var trace: TraceContext? {
        get { rarities?.trace }
        set { rarities = .of(durable, newValue, from) }
    }

    /// The client that has published it to a group; nil when it is from a backend.
    public var from: ClientID? {
        get { rarities?.from }
        set { rarities = .of(durable, trace, newValue) }
    }

    /// It has nothing that only few pushes have.
    var isCommon: Bool { rarities == nil }

    /// What a push is kept by.
    public struct Durable: Hashable, Sendable {
        /// Unix milliseconds after which it is not delivered any more.
        public var expiresAt: UInt64
        /// A newer push with the same key replaces this one while it is not acked.
        public var collapse: String?
        /// Where it is kept; the store says so when it keeps it.
        public var place: Place?

        public init(expiresAt: UInt64, collapse: String? = nil, place: Place? = nil) {
            self.expiresAt = expiresAt
            self.collapse = collapse
            self.place = place
        }
    }

    /// The place of a durable push in its mailbox or history.
    public struct Place: Hashable, Sendable {
        public var offset: StreamOffset
        /// The newest offset before it: a receiver that has seen less has missed something.
        public var previous: StreamOffset
        /// The history's epoch; nil in a mailbox.
        public var epoch: String?

        public init(offset: StreamOffset, previous: StreamOffset, epoch: String? = nil) {
            self.offset = offset
            self.previous = previous
            self.epoch = epoch
        }

        /// As clients see it.
        public var text: String {
            epoch.map { HistoryOffset(epoch: $0, offset: offset).description } ?? offset.description
        }
    }

    public init(
        id: PushID, target: Target, payload: Payload, origin: NodeID? = nil, ticket: UInt64 = 0,
        acceptedAt: UInt64 = 0, microseconds: UInt16 = 0, waits: Bool = false, durable: Durable? = nil,
        trace: TraceContext? = nil, from: ClientID? = nil
    ) {
        self.id = id
        self.target = target
        self.payload = payload
        self.origin = origin
        self.ticket = ticket
        self.acceptedAt = acceptedAt
        self.microseconds = microseconds
        self.waits = waits
        rarities = .of(durable, trace, from)
    }

    /// Unix microseconds at which another node or this one accepted the push; nil when that is unknown, as of what another
    /// program published.
    public var sentAt: UInt64? {
        origin == nil || acceptedAt == 0 ? nil : acceptedAt &* 1000 &+ UInt64(microseconds)
    }
}

/// What one node did with a push.
public struct Receipt: Hashable, Sendable {
    /// No node has more of anything that it counts: whoever says more is not believed.
    public static let maximumCount = 1 << 32

    /// The push's ``BusPush/ticket``.
    public var ticket: UInt64
    public var node: NodeID
    /// Sessions here that the target means.
    public var matched: Int
    /// Those of them to whose socket or socket queue it was handed.
    public var delivered: Int
    /// Those of them skipped because their queue was full.
    public var dropped: Int

    public init(ticket: UInt64, node: NodeID, matched: Int, delivered: Int, dropped: Int) {
        self.ticket = ticket
        self.node = node
        self.matched = matched
        self.delivered = delivered
        self.dropped = dropped
    }
}

/// So many clients of one node have received a push for which the origin waits; told in pieces, as they come.
public struct Acknowledgement: Hashable, Sendable {
    /// The push's ``BusPush/ticket``.
    public var ticket: UInt64
    public var node: NodeID
    /// Clients that received it and were not told of before.
    public var clients: Int

    public init(ticket: UInt64, node: NodeID, clients: Int) {
        self.ticket = ticket
        self.node = node
        self.clients = clients
    }
}

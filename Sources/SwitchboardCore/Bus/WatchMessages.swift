public import NIOCore
public import SwitchboardProtocol

/// Somebody watches what happens on the nodes, from the node `origin`, until the lease ends.
public struct Watch: Hashable, Sendable {
    public var id: String
    public var origin: NodeID
    /// Only what happens to this client; nil for everything.
    public var client: ClientID?
    /// Names of event types, or their first words; empty for all.
    public var types: [String]
    /// Seconds for which the watch holds unless it is renewed; 0 ends it.
    public var lease: Int

    /// The most types of one watch.
    public static let maximumTypes = 32
    /// The longest lease that is believed, in seconds.
    public static let maximumLease = 60

    public init(id: String, origin: NodeID, client: ClientID? = nil, types: [String] = [], lease: Int) {
        self.id = id
        self.origin = origin
        self.client = client
        self.types = types
        self.lease = lease
    }
}

/// What a watcher gets from one node at a time.
public struct EventBatch: Hashable, Sendable {
    /// The watch that it is for.
    public var watch: String
    public var node: NodeID
    /// Events that are missing here, since there were too many.
    public var dropped: Int
    /// Lines, each with the event's type, a space, and an object of JSON.
    public var lines: ByteBuffer

    public init(watch: String, node: NodeID, dropped: Int, lines: ByteBuffer) {
        self.watch = watch
        self.node = node
        self.dropped = dropped
        self.lines = lines
    }
}

/// Clients of the node `origin` watch who is in a group, until the lease ends.
public struct GroupWatch: Hashable, Sendable {
    public var group: GroupName
    public var origin: NodeID
    /// Seconds for which the watch holds unless it is renewed; 0 ends it.
    public var lease: Int
    /// Changes may have been lost: tell all members again.
    public var wantsAll: Bool

    public init(group: GroupName, origin: NodeID, lease: Int, wantsAll: Bool) {
        self.group = group
        self.origin = origin
        self.lease = lease
        self.wantsAll = wantsAll
    }
}

/// Who came into a watched group on one node, and who has left it there.
public struct GroupChange: Hashable, Sendable {
    public var group: GroupName
    public var node: NodeID
    /// One more than that of the change before it, to whomever; a hole means that something was lost.
    public var sequence: Int
    /// The first piece of a list of all members: what was known of this node before counts no more.
    public var begins: Bool
    /// The last piece of such a list.
    public var ends: Bool
    /// False when the group has more members on this node than are told.
    public var isComplete: Bool
    public var joined: [GroupMember]
    public var left: [ClientID]

    public init(
        group: GroupName, node: NodeID, sequence: Int, begins: Bool = false, ends: Bool = false,
        isComplete: Bool = true, joined: [GroupMember], left: [ClientID] = []
    ) {
        self.group = group
        self.node = node
        self.sequence = sequence
        self.begins = begins
        self.ends = ends
        self.isComplete = isComplete
        self.joined = joined
        self.left = left
    }
}

public import NIOCore
public import SwitchboardProtocol

/// What nodes say to each other.
public enum BusMessage: Hashable, Sendable {
    case push(BusPush)
    case receipt(Receipt)
    case acknowledged(Acknowledgement)
    case command(BusCommand)
    case cancel(Cancellation)
    case commandEvent(CommandEvent)
    /// A newer session of this client exists: close the older.
    case evict(Eviction)
    /// Do something to a client's session; answered with ``done``.
    case control(Control)
    case done(ControlOutcome)
    /// Tell something about yourself; answered with ``answer``.
    case query(Query)
    case answer(Answer)
    /// Tell a watcher what happens from now on.
    case watch(Watch)
    /// What a watcher is told.
    case events(EventBatch)
    /// What a viewer wants of a terminal on a client's machine.
    case terminalOrder(BusTerminalOrder)
    /// What its viewer is told.
    case terminalReport(BusTerminalReport)
    /// Tell a node who is in a group, and who comes and leaves from now on.
    case groupWatch(GroupWatch)
    case groupChange(GroupChange)
    /// A client is in alarm, or not any more.
    case alert(AlertNotice)
    /// Proves that what is published comes back.
    case canary(String)
    /// A node has subscribed and takes part.
    case nodeUp(NodeID)
    /// A node has left in good order.
    case nodeDown(NodeID)
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

/// A question to every node, or to one.
public struct Query: Hashable, Sendable {
    public enum Subject: Hashable, Sendable {
        /// Names and member counts of all groups.
        case groups
        /// The clients in one group.
        case members(GroupName)
        /// The node's counters.
        case stats
        /// Who would get a push to this target.
        case reach(Target)
        /// The newest pushes that the node has accepted, at most so many.
        case pushes(Int)
        /// The newest closes, at most so many.
        case closes(Int)
        /// The alerts that the node answers for.
        case alerts
        /// To one node: empty yourself. It answers with its state.
        case drain
        /// To one node: take clients again, if you can. It answers with its state.
        case serve
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

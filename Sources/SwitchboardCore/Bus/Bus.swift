public import SwitchboardProtocol

/// Why something could not be sent over the bus or kept in the store.
public enum BusError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bus or store is away; nothing was sent, as far as this node can tell.
    case unavailable(String)
    /// The bounded queue towards the bus is full; nothing was sent.
    case overloaded

    public var description: String {
        switch self {
        case .unavailable(let reason): "the bus is unavailable: \(reason)"
        case .overloaded: "the queue to the bus is full"
        }
    }
}

/// What became of a message for the node that owns a client.
public enum RouteOutcome: Hashable, Sendable {
    /// Nodes to which it went, each of which answers with a receipt. One, when the routing is directed.
    case routed(nodes: Int)
    /// The client is not connected, or its node is gone.
    case offline
}

/// What a node does with messages from the bus. Called on the bus' own thread or event loop: never block in it.
public protocol BusReceiver: AnyObject, Sendable {
    func receive(_ message: BusMessage)
    /// The bus is away: from here on messages may be missed. What comes before ``busDidRecover()`` may be behind a hole.
    ///
    /// It must return at once and not use the bus or the store.
    func busWasLost()
    /// The bus is back after it was away, its subscriptions proved: presence must be written again.
    func busDidRecover()
}

/// How nodes talk: Redis pub/sub in a cluster, an in-process bus on a single node.
///
/// Delivery is at most once: what a node does not hear while it is cut off is gone for it. Messages of one sender through one
/// channel arrive in the order in which they were sent. Completions are called exactly once, on any thread.
public protocol Bus: AnyObject, Sendable {
    /// The node that this is the bus of.
    var node: NodeID { get }

    /// False while nothing could be delivered: the link is down or the subscriptions are not proved.
    var isAvailable: Bool { get }

    /// Sets who gets the messages; before the bus is started, once.
    func attach(_ receiver: any BusReceiver)

    /// Sends to every node, this one included, over the shared channel.
    ///
    /// - Parameter completion: The number of nodes that were reached, each of which answers a push with a receipt.
    func publish(_ message: BusMessage, completion: @escaping @Sendable (Result<Int, BusError>) -> Void)

    /// Sends to the node that owns the client.
    func route(
        _ message: BusMessage, to client: ClientID,
        completion: @escaping @Sendable (Result<RouteOutcome, BusError>) -> Void)

    /// Sends to one node; lost when that node is gone.
    func send(_ message: BusMessage, to node: NodeID)

    /// Waits until every message that was published before this call, by whomever, has come to this node's receiver.
    ///
    /// What the store kept before this call and published has been heard afterwards: so a reader of the store knows that it
    /// overlaps with what it hears, without a hole.
    func barrier(completion: @escaping @Sendable (Result<Void, BusError>) -> Void)
}

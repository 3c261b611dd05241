public import SwitchboardProtocol

/// A command on its way to the client's session.
public struct BusCommand: Hashable, Sendable {
    public var id: CommandID
    public var client: ClientID
    public var name: String
    public var payload: Payload
    /// Seconds that the client has, at most ``maximumTimeout``.
    public var timeout: Double
    public static let maximumTimeout = 3600.0
    /// Where its caller waits.
    public var origin: NodeID
    /// The backend's trace, when it named one.
    public var trace: TraceContext?
    /// The backend's signature, for the client.
    public var signature: CommandSignature?

    public init(
        id: CommandID, client: ClientID, name: String, payload: Payload, timeout: Double, origin: NodeID,
        trace: TraceContext? = nil, signature: CommandSignature? = nil
    ) {
        self.id = id
        self.client = client
        self.name = name
        self.payload = payload
        self.timeout = timeout
        self.origin = origin
        self.trace = trace
        self.signature = signature
    }
}

/// The caller of a command gave up.
public struct Cancellation: Hashable, Sendable {
    public var id: CommandID
    public var client: ClientID

    public init(id: CommandID, client: ClientID) {
        self.id = id
        self.client = client
    }
}

/// Something that happened to a command, told to its origin.
public struct CommandEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// It was handed to the client's session.
        case delivered
        /// A piece of the answer, in order.
        case output(Payload)
        /// The client's answer; `status` is an HTTP-like integer.
        case result(status: Int, Payload?)
        /// The client is not on this node.
        case notHere
        /// The session cannot take commands (raw mode).
        case unsupported
        /// Too many wait on this client.
        case queueFull
        /// The session ended before the client answered.
        case sessionEnded
    }
    public var id: CommandID
    public var node: NodeID
    public var kind: Kind

    public init(id: CommandID, node: NodeID, kind: Kind) {
        self.id = id
        self.node = node
        self.kind = kind
    }
}

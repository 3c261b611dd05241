public import SwitchboardProtocol

/// What happened to the agent's link, told to ``AgentHandlers/onEvent``.
public enum AgentEvent: Hashable, Sendable {
    /// The node has said hello; pushes follow.
    case connected(ServerFrame.Hello)
    /// An open link ended. `retryIn` is in seconds; nil when the agent does not come back.
    case disconnected(code: CloseCode, reason: String, retryIn: Double?)
    /// An attempt to connect failed. `retryIn` is in seconds; nil when the agent does not try again.
    case attemptFailed(reason: String, retryIn: Double?)
    /// Pushes to this channel (`all` or `group:NAME`) were missed that the node does not keep any more: the state that they
    /// carry must be asked for elsewhere.
    case missed(channel: String)
    /// The node will close this link; the agent reconnects after that many seconds.
    case goaway(reason: String, reconnectAfter: Double)
    /// The node refused something that the agent sent; the link lives on.
    case refused(code: String, message: String)
}

/// How a connection speaks, chosen by the WebSocket subprotocol that the client offers.
public enum ConnectionMode: Hashable, Sendable {
    /// Every push is one frame with the payload verbatim; every frame of the client is an upstream message.
    case raw
    /// JSON text frames with acks, resume and commands.
    case framed

    /// The subprotocol of framed connections.
    public static let framedSubprotocol = "switchboard.v1"

    /// The subprotocol of operators' connections (`/v1/live`).
    public static let operatorSubprotocol = "switchboard.operator.v1"
}

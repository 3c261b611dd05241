public import SwitchboardProtocol

/// What a viewer at the node `origin` wants of a terminal on a client's machine, on its way to the client's node.
public struct BusTerminalOrder: Hashable, Sendable {
    public var client: ClientID
    /// The viewer's node, which gets the reports.
    public var origin: NodeID
    public var order: TerminalOrder

    public init(client: ClientID, origin: NodeID, order: TerminalOrder) {
        self.client = client
        self.origin = origin
        self.order = order
    }
}

/// What the viewer's node is told about a viewer.
public struct BusTerminalReport: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// The client says this.
        case report(TerminalReport.Event)
        /// The node that tells it does not have the client, or has it no more.
        case notHere
    }

    public var client: ClientID
    public var viewer: String
    public var content: Content

    public init(client: ClientID, viewer: String, content: Content) {
        self.client = client
        self.viewer = viewer
        self.content = content
    }
}

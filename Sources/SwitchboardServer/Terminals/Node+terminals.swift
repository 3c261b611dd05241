import SwitchboardCore
import SwitchboardProtocol

/// Terminals: orders of viewers to the client's session, and what comes back to the viewers' nodes.
extension Node {
    func carry(_ message: BusTerminalOrder) {
        guard let place = directory.place(of: message.client) else { return tell(.notHere, of: message) }
        on(shard(at: place)) { [self] shard in
            guard let session = shard.session(at: place) else { return tell(.notHere, of: message) }
            session.carry(message)
        }
    }

    /// Answers an order. That the client is not here is told only to who asks.
    func tell(_ content: BusTerminalReport.Content, of message: BusTerminalOrder) {
        guard content != .notHere || message.order.action.isAsking else { return }
        tell(content, message.order.viewer, of: message.client, message.origin)
    }

    func tell(_ content: BusTerminalReport.Content, _ viewer: String, of client: ClientID, _ origin: NodeID) {
        let report = BusTerminalReport(client: client, viewer: viewer, content: content)
        if origin == id { terminals.received(report) } else { bus.send(.terminalReport(report), to: origin) }
    }
}

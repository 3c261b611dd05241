import SwitchboardCore
import SwitchboardProtocol

/// Terminals on the client's machine. The session only carries: what is said of them is between viewer and client.
extension Session {
    func carry(_ message: BusTerminalOrder) {
        guard phase == .open else { return node.tell(.notHere, of: message) }
        guard mode == .framed else {
            let refusal = TerminalReport.Event.refused(
                code: "terminal_unsupported", message: "a client in raw mode has no terminals")
            return node.tell(.report(refusal), of: message)
        }
        if case .detach = message.order.action {
            // A node that learns late that its operator has gone must not end what goes on elsewhere.
            guard viewerOrigins.forget(message.order.viewer, at: message.origin) else { return }
        } else {
            viewerOrigins.note(message.order.viewer, at: message.origin)
        }
        send(.terminal(message.order))
    }

    /// The client has something for a viewer. One that is not known is passed over: it will ask again.
    func carry(_ report: TerminalReport) {
        guard let client = record?.client, let origin = viewerOrigins[report.viewer] else { return }
        node.tell(.report(report.event), report.viewer, of: client, origin)
    }

    /// The session has ended: viewers learn that they have to look for the client.
    func abandonViewers() {
        guard !viewerOrigins.isEmpty, let client = record?.client else { return }
        for (viewer, origin) in viewerOrigins.removeAll() { node.tell(.notHere, viewer, of: client, origin) }
    }
}

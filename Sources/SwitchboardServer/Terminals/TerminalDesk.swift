import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The viewers whose operators are connected to this node: each has a seat, to which reports about it are brought.
final class TerminalDesk: Sendable {
    /// What a seat gets.
    enum Word: Sendable {
        /// The bus has sent an order that asks to so many nodes; any order to none, when the client is not connected.
        case routed(nodes: Int)
        case failed(BusError)
        case told(BusTerminalReport.Content)
    }

    private struct Seat {
        let client: ClientID
        /// The operator's socket.
        let owner: String
        let deliver: @Sendable (Word) -> Void
    }

    private let bus: any Bus
    private let seats = Mutex<[String: Seat]>([:])
    /// How many viewers agents have let in.
    let visits = Gauge()

    init(bus: any Bus) { self.bus = bus }

    /// How many there are.
    var viewers: Int { seats.withLock { $0.count } }

    /// Gives a viewer its seat. One that was taken is taken over: whoever knows the viewer's name is the viewer, who has come
    /// back before it was noticed that he went.
    func take(
        _ viewer: String, of client: ClientID, by owner: String, deliver: @escaping @Sendable (Word) -> Void
    ) {
        seats.withLock { $0[viewer] = Seat(client: client, owner: owner, deliver: deliver) }
    }

    /// - Returns: false when the seat was taken over by another socket.
    func leave(_ viewer: String, by owner: String) -> Bool {
        seats.withLock { seats in
            guard seats[viewer]?.owner == owner else { return false }
            seats[viewer] = nil
            return true
        }
    }

    /// Sends an order of a viewer to its client; what comes of it is brought to the seat.
    func send(_ order: TerminalOrder, to client: ClientID) {
        let message = BusTerminalOrder(client: client, origin: bus.node, order: order)
        bus.route(.terminalOrder(message), to: client) { [self] result in
            switch result {
            case .success(.routed(let nodes)):
                if order.action.isAsking { deliver(.routed(nodes: nodes), to: order.viewer, of: client) }
            case .success(.offline): deliver(.routed(nodes: 0), to: order.viewer, of: client)
            case .failure(let error): deliver(.failed(error), to: order.viewer, of: client)
            }
        }
    }

    /// A client's node has something for a viewer.
    func received(_ report: BusTerminalReport) { deliver(.told(report.content), to: report.viewer, of: report.client) }

    /// Only the client that the viewer has attached to can tell it something.
    private func deliver(_ word: Word, to viewer: String, of client: ClientID) {
        guard let seat = seats.withLock({ $0[viewer] }), seat.client == client else { return }
        seat.deliver(word)
    }
}

extension TerminalOrder.Action {
    /// Every node that gets it and does not have the client says so. Others are sent often, and sent again when nothing
    /// comes of them.
    var isAsking: Bool {
        switch self {
        case .attach, .list: true
        case .input, .resize, .took, .detach, .end: false
        }
    }
}

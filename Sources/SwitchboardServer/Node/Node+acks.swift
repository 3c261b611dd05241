import Logging
import SwitchboardCore
import SwitchboardProtocol

/// What clients and mailboxes say of pushes after they were handed over.
extension Node {
    /// So many clients have confirmed a push.
    func acknowledged(_ push: BusPush, clients: Int) {
        guard let origin = push.origin else { return }
        let acknowledgement = Acknowledgement(ticket: push.ticket, node: id, clients: clients)
        if origin == id {
            delivery.received(acknowledgement)
        } else {
            bus.send(.acknowledged(acknowledgement), to: origin)
        }
        journal.note(.acked, about: push.id, clients: clients)
        guard events.isWatched else { return }
        if case .client(let client) = push.target {
            note(.pushAcked, of: push.id, for: client)
        } else {
            note(push, .pushAcked, .node, count: clients)
        }
    }

    /// Pushes have left a mailbox since the client has them.
    func acknowledged(_ pushes: [AckedPush], by client: ClientID) {
        for push in pushes {
            if let waiter = push.waiter {
                let acknowledgement = Acknowledgement(ticket: waiter.ticket, node: id, clients: 1)
                if waiter.node == id {
                    delivery.received(acknowledgement)
                } else {
                    bus.send(.acknowledged(acknowledgement), to: waiter.node)
                }
            }
            journal.note(.acked, about: push.id, client: client, clients: 1)
            note(.pushAcked, of: push.id, for: client)
        }
    }

    /// Nobody took the push in time.
    func expired(_ push: ExpiredPush) {
        logger.info("a push has expired", metadata: ["push": "\(push.id)", "client": "\(push.client)"])
        journal.note(.expired, about: push.id, client: push.client)
        note(.pushExpired, of: push.id, for: push.client)
        webhooks?.expired(push)
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Notes what became of durable and waited pushes, for `GET /v1/pushes/{id}`.
struct PushJournal: Sendable {
    let store: any Store
    let node: NodeID

    /// What may happen to a push after its answer.
    enum Event: String, Sendable {
        case acked, expired, cancelled, displaced, collapsed
    }

    func note(_ event: Event, about push: PushID, client: ClientID? = nil, clients: Int? = nil) {
        let document = JSONObjectWriter.document { json in
            json.string("event", event.rawValue)
            json.string("node", node.rawValue)
            if let client { json.string("client", client.rawValue) }
            if let clients { json.integer("clients", clients) }
        }
        store.note(document, about: push)
    }

    /// Notes the answer to a push as well as giving it.
    func noting(_ target: Target, _ completion: @escaping Delivery.Completion) -> Delivery.Completion {
        { id, result in
            if case .success(let report) = result {
                let document = JSONObjectWriter.document { json in
                    json.string("event", "answered")
                    json.string("node", node.rawValue)
                    json.object("target") { $0.target(target) }
                    json.object("counts") { $0.counts(report.counts) }
                    json.boolean("final", report.isFinal)
                }
                store.note(document, about: id)
            }
            completion(id, result)
        }
    }
}

extension JSONObjectWriter {
    mutating func counts(_ counts: PushCounts) {
        integer("matched", counts.matched)
        integer("delivered", counts.delivered)
        integer("acked", counts.acked)
        integer("queued", counts.queued)
        integer("offline", counts.offline)
        integer("dropped", counts.dropped)
        integer("nodes", counts.nodes)
    }
}

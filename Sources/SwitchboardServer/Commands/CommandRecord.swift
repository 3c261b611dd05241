import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What the cluster remembers of a command, as JSON in the ledger.
struct CommandRecord: Hashable, Sendable {
    /// Seconds for which a command is remembered after its end.
    static let lifetime = 600

    var id: CommandID
    var client: ClientID
    var name: String
    /// Where its caller waits.
    var origin: NodeID
    /// nil while it is under way.
    var outcome: CommandOutcome?

    /// `pending`, `done` or `failed`.
    var state: String {
        switch outcome {
        case nil: "pending"
        case .result: "done"
        default: "failed"
        }
    }

    /// Whether it is the same command, sent again, rather than another one of the same id.
    func isOf(_ call: CommandCall) -> Bool { client == call.client && name == call.order.name }

    init(id: CommandID, client: ClientID, name: String, origin: NodeID) {
        self.id = id
        self.client = client
        self.name = name
        self.origin = origin
    }

    var bytes: ByteBuffer {
        return JSONObjectWriter.document { json in
            json.string("id", id.rawValue)
            json.string("client", client.rawValue)
            json.string("name", name)
            json.string("origin", origin.rawValue)
            switch outcome {
            case nil: break
            case .result(let status, let payload, let milliseconds):
                json.integer("status", status)
                json.integer("ms", milliseconds)
                if let payload { json.payload(payload) }
            case .offline: json.string("failure", "offline")
            case .noResult: json.string("failure", "noResult")
            case .unsupported: json.string("failure", "unsupported")
            case .queueFull: json.string("failure", "queueFull")
            case .conflict: json.string("failure", "conflict")
            case .cancelled: json.string("failure", "cancelled")
            case .failed: json.string("failure", "bus")
            }
        }
    }

    /// - Returns: nil when the bytes are not such a record.
    init?(_ bytes: ByteBuffer) {
        guard let json = try? JSONDocument(bytes), let id = json.text("id").flatMap(CommandID.init(rawValue:)),
            let client = json.text("client").flatMap(ClientID.init(rawValue:)), let name = json.text("name"),
            let origin = json.text("origin").flatMap(NodeID.init(rawValue:))
        else { return nil }
        self.init(id: id, client: client, name: name, origin: origin)
        if let status = json["status"].flatMap({ json.integer($0) }) {
            outcome = .result(
                status: status, try? Payload(parsing: json),
                milliseconds: json["ms"].flatMap { json.integer($0) } ?? 0)
        } else {
            switch json.text("failure") {
            case "offline": outcome = .offline
            case "noResult": outcome = .noResult
            case "unsupported": outcome = .unsupported
            case "queueFull": outcome = .queueFull
            case "conflict": outcome = .conflict
            case "cancelled": outcome = .cancelled
            case "bus": outcome = .failed(.unavailable("the bus was away"))
            default: break
            }
        }
    }
}

extension JSONDocument {
    fileprivate func text(_ name: String) -> String? { self[name].flatMap { string($0) } }
}

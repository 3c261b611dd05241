import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Writes events as CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec). What is said of the session
/// (`session`, `epoch`, `node`) are extension attributes, so that a receiver can choose by them without reading the data.
final class CloudEventWriter: Sendable {
    private let source: String
    private let ids = Mutex(ULIDGenerator())

    init(source: String) { self.source = source }

    func connected(_ record: SessionRecord, epoch: UInt64) -> WebhookEvent {
        event(.connected, record.client, at: record.connectedAt) { json in
            json.session(record.session, epoch: epoch, node: record.node)
            json.data { data in
                data.origin(record.address, record.userAgent, record.mode)
                data.strings("groups", record.groups.map(\.rawValue))
                data.strings("labels", record.labels)
            }
        }
    }

    func disconnected(_ loss: OverdueLoss) -> WebhookEvent {
        event(.disconnected, loss.session.client, at: loss.loss.at) { json in
            json.session(loss.session.session, epoch: loss.session.epoch, node: loss.session.node)
            json.data { data in
                data.integer("closeCode", Int(loss.loss.closeCode))
                data.string("closeReason", loss.loss.reason)
                data.boolean("lost", loss.loss.isLost)
                data.time("connectedAt", loss.session.connectedAt)
            }
        }
    }

    func message(_ message: UpstreamMessage, epoch: UInt64) -> WebhookEvent {
        event(.message, message.client, at: message.receivedAt) { json in
            json.session(message.session, epoch: epoch, node: message.node)
            if let id = message.id { json.string("messageid", id) }
            switch message.payload.format {
            case .json:
                json.string("datacontenttype", "application/json")
                json.verbatim("data", message.payload.bytes)
            case .text:
                json.string("datacontenttype", "text/plain")
                json.string("data", String(buffer: message.payload.bytes))
            case .binary:
                json.string("datacontenttype", "application/octet-stream")
                json.string("data_base64", Base64.encode(message.payload.bytes))
            }
        }
    }

    func health(_ record: SessionRecord, epoch: UInt64, _ health: ByteBuffer, at time: UInt64) -> WebhookEvent {
        event(.health, record.client, at: time) { json in
            json.session(record.session, epoch: epoch, node: record.node)
            json.string("datacontenttype", "application/json")
            json.verbatim("data", health)
        }
    }

    func alert(_ alert: Alert, isRaised: Bool, at time: UInt64) -> WebhookEvent {
        event(isRaised ? .alertRaised : .alertCleared, alert.client, at: time) { json in
            json.string("node", alert.node.rawValue)
            json.integer("epoch", Int(clamping: alert.epoch))
            json.data { $0.trouble(alert) }
        }
    }

    func expired(_ push: ExpiredPush, node: NodeID, at time: UInt64) -> WebhookEvent {
        event(.pushExpired, push.client, at: time) { json in
            json.string("node", node.rawValue)
            // The extension "distributed tracing" of CloudEvents.
            json.trace(push.trace)
            json.data { $0.string("push", push.id.rawValue) }
        }
    }

    func terminal(
        _ kind: WebhookKind, _ visit: TerminalVisit, node: NodeID, at time: UInt64,
        _ more: (inout JSONObjectWriter) -> Void = { _ in }
    ) -> WebhookEvent {
        event(kind, visit.client, at: time) { json in
            json.string("node", node.rawValue)
            json.data { data in
                visit.write(into: &data)
                more(&data)
            }
        }
    }

    /// The question whether a client may connect.
    func connecting(_ request: ConnectRequest, as client: ClientID, node: NodeID, at time: UInt64) -> ByteBuffer {
        document("client.connecting", client, at: time) { json in
            json.string("node", node.rawValue)
            json.data { data in
                data.origin(request.address, request.userAgent, request.mode)
                data.strings("groups", request.groups.map(\.rawValue))
                data.strings("labels", request.labels)
            }
        }
    }

    private func event(
        _ kind: WebhookKind, _ client: ClientID, at time: UInt64, _ rest: (inout JSONObjectWriter) -> Void
    ) -> WebhookEvent {
        WebhookEvent(kind: kind, client: client, document: document(kind.rawValue, client, at: time, rest))
    }

    private func document(
        _ type: String, _ client: ClientID, at time: UInt64, _ rest: (inout JSONObjectWriter) -> Void
    ) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("specversion", "1.0")
            json.string("id", ids.withLock { $0.next(milliseconds: WallClock.milliseconds()) })
            json.string("source", source)
            json.string("type", type)
            json.string("subject", client.rawValue)
            json.time("time", time)
            rest(&json)
        }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func session(_ session: SessionID, epoch: UInt64, node: NodeID) {
        string("session", session.rawValue)
        integer("epoch", Int(clamping: epoch))
        string("node", node.rawValue)
    }

    fileprivate mutating func data(_ members: (inout JSONObjectWriter) -> Void) {
        string("datacontenttype", "application/json")
        object("data", members)
    }

    fileprivate mutating func origin(_ address: String, _ userAgent: String?, _ mode: ConnectionMode) {
        string("address", address)
        if let userAgent { string("userAgent", userAgent) }
        string("mode", mode == .raw ? "raw" : "framed")
    }
}

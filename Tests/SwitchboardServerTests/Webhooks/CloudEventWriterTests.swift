import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct CloudEventWriterTests {
    private let writer = CloudEventWriter(source: "urn:switchboard:\"x\"")
    private let node = NodeID(unchecked: "n1")
    private let session = SessionID(unchecked: "S")

    private func message(_ format: Payload.Format, _ text: String, id: String? = nil) throws -> JSONDocument {
        let message = UpstreamMessage(
            client: client("c"), session: session, node: node, id: id,
            payload: Payload(format: format, bytes: ByteBuffer(string: text)), receivedAt: 1_700_000_000_123)
        let event = writer.message(message, epoch: 7)
        #expect(event.kind == .message)
        #expect(event.client == client("c"))
        return try JSONDocument(event.document)
    }

    private func text(_ document: JSONDocument, _ name: String) -> String? {
        document[name].map { String(buffer: document.bytes(of: $0)) }
    }

    @Test("What every event says") func attributes() throws {
        let event = try message(.json, "1", id: "m1")
        #expect(text(event, "specversion") == #""1.0""#)
        #expect(text(event, "source") == #""urn:switchboard:\"x\"""#)
        #expect(text(event, "type") == #""client.message""#)
        #expect(text(event, "subject") == #""c""#)
        #expect(text(event, "time") == #""2023-11-14T22:13:20.123Z""#)
        #expect(text(event, "session") == #""S""#)
        #expect(text(event, "epoch") == "7")
        #expect(text(event, "node") == #""n1""#)
        #expect(text(event, "messageid") == #""m1""#)
        #expect(text(event, "id") != text(try message(.json, "1"), "id"))
        // Attribute names have lower-case letters and digits only.
        #expect(
            event.members.allSatisfy {
                $0.name == "data_base64" || $0.name.allSatisfy { $0.isLowercase || $0.isNumber }
            })
    }

    @Test("JSON is passed on byte for byte") func verbatim() throws {
        let event = try message(.json, #"{ "price": 3.20, "x": "\u00e9" }"#)
        #expect(text(event, "data") == #"{ "price": 3.20, "x": "\u00e9" }"#)
        #expect(text(event, "datacontenttype") == #""application/json""#)
        #expect(event["messageid"] == nil)
    }

    @Test("Text is a string, bytes are base 64") func others() throws {
        let event = try message(.text, "a \"b\"\n")
        #expect(text(event, "data") == #""a \"b\"\n""#)
        #expect(text(event, "datacontenttype") == #""text/plain""#)
        let binary = try message(.binary, "abc")
        #expect(text(binary, "data_base64") == #""YWJj""#)
        #expect(binary["data"] == nil)
    }

    @Test("A loss says which session ended, and how") func disconnected() throws {
        let loss = OverdueLoss(
            session: WebhookSession(
                client: client("c"), session: session, node: node, epoch: 7, connectedAt: 1_700_000_000_000),
            loss: SessionLoss(
                client: client("c"), session: session, at: 1_700_000_001_000, closeCode: 4202, reason: "no pong",
                isLost: true))
        let event = try JSONDocument(writer.disconnected(loss).document)
        #expect(text(event, "time") == #""2023-11-14T22:13:21.000Z""#)
        #expect(text(event, "epoch") == "7")
        #expect(
            text(event, "data")
                == #"{"closeCode":4202,"closeReason":"no pong","lost":true,"connectedAt":"2023-11-14T22:13:20.000Z"}"#)
    }
}

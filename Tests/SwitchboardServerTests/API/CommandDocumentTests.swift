import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct CommandDocumentTests {
    private func read(_ text: String) throws -> CommandOrder { try CommandDocument.read(ByteBuffer(string: text)) }

    private func code(_ text: String) -> String? {
        do {
            _ = try read(text)
            return nil
        } catch {
            return (error as? Problem)?.code
        }
    }

    @Test func aNameIsEnough() throws {
        let order = try read(#"{"name":"open drawer"}"#)
        #expect(order.name == "open drawer")
        #expect(order.payload == Payload(format: .json, bytes: ByteBuffer(string: "null")))
        #expect(order.timeout == 30 && order.connectTimeout == 0)
        #expect(order.id == nil)
    }

    @Test func everythingIsRead() throws {
        let order = try read(#"{"id":"c-1","timeout":0.1,"connectTimeout":600,"base64":"AQI=","name":"x"}"#)
        #expect(order.id == CommandID(unchecked: "c-1"))
        #expect(order.timeout == 0.1 && order.connectTimeout == 600)
        #expect(order.payload == Payload(format: .binary, bytes: ByteBuffer(bytes: [1, 2])))
        #expect(try read(#"{"name":"x","data":{ "a":1.0}}"#).payload.bytes == ByteBuffer(string: #"{ "a":1.0}"#))
        #expect(try read(#"{"name":"x","text":"\u0041"}"#).payload.bytes == ByteBuffer(string: "A"))
    }

    @Test func aSignatureIsPassedOn() throws {
        let signature = #""signature":{"key":"k:1","issued":1,"expires":2,"value":"AA"}"#
        let order = try read(#"{"name":"x","id":"c-1",\#(signature)}"#)
        #expect(order.signature?.key == SigningKeyID(unchecked: "k:1") && order.signature?.value == "AA")
        #expect(order.signature?.issued == 1 && order.signature?.expires == 2)
        #expect(
            try read(#"{"name":"x","id":"c","signature":{"key":"k","issued":1.0,"expires":2e0,"value":"AA"}}"#)
                .signature?.expires == 2)
        // It is for one id, and for bytes that do not change on their way.
        #expect(code(#"{"name":"x",\#(signature)}"#) == "invalid_request")
        #expect(code(#"{"name":"x","id":"c-1","text":"a",\#(signature)}"#) == "invalid_request")
        for wrong in ["null", "1", "{}", #"{"key":"k","issued":1,"expires":2,"value":"AA","alg":"x"}"#] {
            #expect(code(#"{"name":"x","id":"c-1","signature":\#(wrong)}"#) == "invalid_request")
        }
    }

    @Test(arguments: [
        (#"{"name":"x""#, "malformed_json"), ("[]", "malformed_json"), (#"{"name":"x","name":"y"}"#, "malformed_json"),
        ("{}", "invalid_request"), (#"{"name":""}"#, "invalid_request"), (#"{"name":1}"#, "invalid_request"),
        (#"{"name":"a\nb"}"#, "invalid_request"), (#"{"name":"a\u0085"}"#, "invalid_request"),
        (#"{"name":"x","timeout":0.09}"#, "invalid_request"), (#"{"name":"x","timeout":600.1}"#, "invalid_request"),
        (#"{"name":"x","timeout":"5"}"#, "invalid_request"), (#"{"name":"x","timeout":null}"#, "invalid_request"),
        (#"{"name":"x","connectTimeout":-1}"#, "invalid_request"),
        (#"{"name":"x","connectTimeout":601}"#, "invalid_request"),
        (#"{"name":"x","id":"a b"}"#, "invalid_request"), (#"{"name":"x","id":1}"#, "invalid_request"),
        (#"{"name":"x","id":""}"#, "invalid_request"), (#"{"name":"x","other":1}"#, "invalid_request"),
        (#"{"name":"x","text":1}"#, "invalid_payload"), (#"{"name":"x","base64":"?"}"#, "invalid_payload"),
        (#"{"name":"x","text":"a","data":1}"#, "invalid_payload"),
    ])
    func whatIsWrongIsSaid(text: String, code: String) { #expect(self.code(text) == code) }

    @Test func theLengthOfANameIsBounded() throws {
        // Counted in characters, however many bytes they have.
        let longest = String(repeating: "ü", count: 128)
        #expect(try read(#"{"name":"\#(longest)"}"#).name == longest)
        #expect(code(#"{"name":"\#(longest)x"}"#) == "invalid_request")
    }
}

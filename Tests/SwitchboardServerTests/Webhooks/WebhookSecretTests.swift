import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct WebhookSecretTests {
    /// The example of the Standard Webhooks specification.
    @Test("The published example has the published signature") func example() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let body = ByteBuffer(string: #"{"test": 2432232314}"#)
        let signature = secret.signature(id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: body)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("Only whsec_ and base 64 of 24 to 64 bytes is a secret") func formats() {
        func secret(_ bytes: Int) -> WebhookSecret? {
            WebhookSecret("whsec_" + Base64.encode(ByteBuffer(repeating: 7, count: bytes)))
        }
        #expect(secret(24) != nil)
        #expect(secret(64) != nil)
        #expect(secret(23) == nil)
        #expect(secret(65) == nil)
        for text in [
            "", "whsec_", "whsec_!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            #expect(WebhookSecret(text) == nil)
        }
    }

    @Test("A repetition has the same id, anything else another") func ids() {
        let id = WebhookSecret.messageID(of: ByteBuffer(string: "[1]"))
        #expect(id == WebhookSecret.messageID(of: ByteBuffer(string: "[1]")))
        #expect(id != WebhookSecret.messageID(of: ByteBuffer(string: "[2]")))
        #expect(id.count == 28)
        #expect(id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
    }
}

import Crypto
import FoundationEssentials
import NIOCore
import SwitchboardProtocol

/// A secret of the Standard Webhooks specification (https://www.standardwebhooks.com), and its signatures.
struct WebhookSecret: Sendable {
    private static let prefix = "whsec_"

    private let key: SymmetricKey

    /// - Returns: nil unless the text is `whsec_` and base 64 of 24 to 64 bytes.
    init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), let bytes = Base64.decode(String(text.dropFirst(Self.prefix.count))),
            (24...64).contains(bytes.readableBytes)
        else { return nil }
        key = SymmetricKey(data: Data(bytes.readableBytesView))
    }

    /// An entry of the header `webhook-signature`.
    ///
    /// - Parameters:
    ///   - id: The header `webhook-id`.
    ///   - timestamp: The header `webhook-timestamp`: Unix seconds.
    func signature(id: String, timestamp: UInt64, body: ByteBuffer) -> String {
        var hash = HMAC<SHA256>(key: key)
        hash.update(data: Data("\(id).\(timestamp).".utf8))
        body.withUnsafeReadableBytes { hash.update(data: $0) }
        return "v1," + Data(hash.finalize()).base64EncodedString()
    }

    /// Names a request by what it says: a repetition has the same id.
    static func messageID(of body: ByteBuffer) -> String {
        let digest = body.withUnsafeReadableBytes { SHA256.hash(data: $0) }
        let text = Data(digest.prefix(18)).base64EncodedString()
        return "msg_" + String(text.map { $0 == "/" ? "_" : $0 == "+" ? "-" : $0 })
    }
}

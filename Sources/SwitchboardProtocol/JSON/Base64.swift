import FoundationEssentials
public import NIOCore

/// Base 64 (RFC 4648 section 4), padded.
public enum Base64 {
    public static func encode(_ bytes: ByteBuffer) -> String {
        Data(bytes.readableBytesView).base64EncodedString()
    }

    /// - Returns: nil when the text is not base 64.
    public static func decode(_ text: String) -> ByteBuffer? {
        Data(base64Encoded: text).map { ByteBuffer(bytes: $0) }
    }
}

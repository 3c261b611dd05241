public import NIOCore

/// What a push carries. The bytes travel verbatim from the backend to every receiver.
public struct Payload: Hashable, Sendable {
    /// How the bytes are to be understood.
    public enum Format: String, Sendable, Codable {
        /// One JSON value; a raw session gets it as text, a framed one as the member `data`.
        case json
        /// UTF-8 text; a raw session gets it as text, a framed one as a JSON string in `data`.
        case text
        /// Any bytes; a raw session gets a binary frame, a framed one the member `base64`.
        case binary
    }

    public var format: Format
    public var bytes: ByteBuffer

    public init(format: Format, bytes: ByteBuffer) {
        self.format = format
        self.bytes = bytes
    }
}

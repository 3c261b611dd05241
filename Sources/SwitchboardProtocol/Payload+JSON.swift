import NIOCore

/// Why the payload of a push is not valid. The description is fit for the sender's eyes.
public enum PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing
    case notExactlyOne
    case notText
    case notBase64

    public var description: String {
        switch self {
        case .missing, .notExactlyOne: "exactly one of data, text and base64 must be given"
        case .notText: "'text' must be a string"
        case .notBase64: "'base64' must be a string of base 64 (RFC 4648, padded)"
        }
    }
}

extension Payload {
    /// Reads exactly one of the members `data` (any JSON, verbatim), `text` and `base64`.
    public init(parsing document: JSONDocument) throws(PayloadError) {
        switch (document["data"], document["text"], document["base64"]) {
        case (let data?, nil, nil): self.init(format: .json, bytes: document.bytes(of: data))
        case (nil, let slice?, nil):
            guard let text = document.string(slice) else { throw .notText }
            self.init(format: .text, bytes: ByteBuffer(string: text))
        case (nil, nil, let slice?):
            guard let text = document.string(slice), let bytes = Base64.decode(text) else { throw .notBase64 }
            self.init(format: .binary, bytes: bytes)
        case (nil, nil, nil): throw .missing
        default: throw .notExactlyOne
        }
    }
}

extension Payload {
    /// The same, on one line if it is JSON.
    public var onOneLine: Payload {
        format == .json ? Payload(format: .json, bytes: bytes.jsonOnOneLine) : self
    }
}

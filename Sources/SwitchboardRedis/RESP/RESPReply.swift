import NIOCore

/// One reply of Redis (RESP2).
enum RESPReply: Hashable, Sendable {
    case status(String)
    case error(String)
    case integer(Int)
    case bulk(ByteBuffer)
    /// A bulk string that the parser was told to know, by its place in that list; spares a buffer for each `message`.
    case symbol(Int)
    case null
    case array([RESPReply])

    /// The text of a status or a bulk string.
    var text: String? {
        switch self {
        case .status(let text): text
        case .bulk(let buffer): String(buffer: buffer)
        default: nil
        }
    }

    /// An integer, or a bulk string that spells one.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .bulk(let buffer): Int(String(buffer: buffer))
        default: nil
        }
    }

    var elements: [RESPReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

/// Why what came from Redis could not be parsed. After it the connection is of no use.
enum RESPError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// One reply is longer than the limit, in bytes.
    case tooLong(limit: Int)
    case outOfMemory

    var description: String {
        switch self {
        case .malformed(let reason): "what came is not RESP2: \(reason)"
        case .tooLong(let limit): "a reply is longer than \(limit) bytes"
        case .outOfMemory: "no memory for the RESP reader"
        }
    }
}

/// A name that travels in URLs, Redis keys and log lines: 1-128 characters of `A-Z a-z 0-9 . _ : @ -`, but not `.` or `..`,
/// which in a path mean another one (RFC 3986 section 5.2.4).
///
/// The closed alphabet is what lets a name stand in a path, a JSON string and a Redis key without being escaped.
public protocol Identifier: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible, Codable
where RawValue == String {
    init(unchecked rawValue: String)
}

extension Identifier {
    /// The most characters an identifier may have.
    public static var maximumLength: Int { 128 }

    /// - Returns: nil when `rawValue` is empty, too long, `.` or `..`, or has a character outside the alphabet.
    public init?(rawValue: String) {
        guard IdentifierAlphabet.accepts(rawValue) else { return nil }
        self.init(unchecked: rawValue)
    }

    public var description: String { rawValue }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(rawValue: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a valid identifier")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

enum IdentifierAlphabet {
    static func accepts(_ text: String) -> Bool {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= 128, text != ".", text != ".." else { return false }
        return bytes.allSatisfy(contains)
    }

    static func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "@"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Names a terminal agent or page; chosen by whoever deploys it, stable across its connections.
public struct ClientID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names a set of sessions: a shop, a log stream, a chat room.
public struct GroupName: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one `switchboard serve` process.
public struct NodeID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one WebSocket connection; unique across the cluster and short enough to need no allocation.
public struct SessionID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// A new random id: 13 characters, 65 bits.
    public static func random() -> SessionID {
        SessionID(unchecked: Base32.random(characters: 13))
    }
}

/// Names a push; unless the backend names it, a ULID, so that ids sort by the time at which they were made.
public struct PushID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names a command; a command with the same id runs once.
public struct CommandID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names a key with which commands are signed.
public struct SigningKeyID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

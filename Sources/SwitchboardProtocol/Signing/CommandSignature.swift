/// A backend's signature on a command, as it travels; nodes pass it on, and only the client checks it.
///
/// A reference, so that the commands that have none pay only for an empty one.
public final class CommandSignature: Hashable, Sendable {
    /// Says which key, and with it which algorithm.
    public let key: SigningKeyID
    /// Unix time in seconds at which it was signed.
    public let issued: Int
    /// Unix time in seconds from which on the command must not be begun any more.
    public let expires: Int
    /// The signature itself, in base64url.
    public let value: String

    /// Seconds between ``issued`` and ``expires`` at most: for so long a client has to remember the command.
    public static let longestValidity = 3600
    /// More than any signature that is known here needs.
    public static let maximumValueLength = 512
    /// The last second of the year 9999: times beyond it are mistakes.
    public static let latestTime = 253_402_300_799

    /// - Returns: nil when a time is negative or after ``latestTime``, or `value` has other characters than those of base64url,
    ///   none or too many.
    public init?(key: SigningKeyID, issued: Int, expires: Int, value: String) {
        let times = 0...Self.latestTime
        guard times.contains(issued), times.contains(expires), (1...Self.maximumValueLength).contains(value.utf8.count),
            value.utf8.allSatisfy(Base64URL.contains)
        else { return nil }
        self.key = key
        self.issued = issued
        self.expires = expires
        self.value = value
    }

    public static func == (left: CommandSignature, right: CommandSignature) -> Bool {
        left.key == right.key && left.issued == right.issued && left.expires == right.expires
            && left.value == right.value
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(issued)
        hasher.combine(expires)
        hasher.combine(value)
    }
}

extension CommandSignature {
    /// Reads the object behind `signature`.
    ///
    /// - Returns: nil unless it has exactly `key`, `issued`, `expires` and `value`, each of them valid.
    public convenience init?(parsing object: JSONDocument) {
        guard object.members.count == 4,
            let key = object["key"].flatMap({ object.string($0) }).flatMap(SigningKeyID.init(rawValue:)),
            let issued = object.whole("issued"), let expires = object.whole("expires"),
            let value = object["value"].flatMap({ object.string($0) })
        else { return nil }
        self.init(key: key, issued: issued, expires: expires, value: value)
    }
}

extension JSONDocument {
    /// A whole number, however it is written: `1.0` is one.
    fileprivate func whole(_ name: String) -> Int? {
        self[name].flatMap { number($0) }.flatMap { Int(exactly: $0) }
    }

    /// The member `signature`; nil when there is none, or none that can be read: to a client both are a command without one.
    public var commandSignature: CommandSignature? {
        self["signature"].flatMap { object($0) }.flatMap { CommandSignature(parsing: $0) }
    }
}

extension JSONObjectWriter {
    /// The member `signature`, if there is one.
    public mutating func signature(_ signature: CommandSignature?) {
        guard let signature else { return }
        object("signature") { json in
            json.string("key", signature.key.rawValue)
            json.integer("issued", signature.issued)
            json.integer("expires", signature.expires)
            json.string("value", signature.value)
        }
    }
}

/// Pages of which origins may connect (RFC 6454, RFC 6455 section 10.2). What is no browser sends no `Origin` and is not
/// concerned.
struct OriginPolicy: Sendable {
    private let patterns: [OriginPattern]

    /// - Parameter patterns: None allows every origin; see ``PagePolicy``.
    init(_ patterns: [OriginPattern]) { self.patterns = patterns }

    /// - Parameter origins: The values of the header `Origin`.
    func allows(_ origins: [String]) -> Bool {
        guard !patterns.isEmpty, let origin = origins.first else { return true }
        guard origins.count == 1 else { return false }
        guard let serialized = SerializedOrigin(origin) else { return patterns.contains { $0.isAnything } }
        return patterns.contains { $0.matches(serialized) }
    }

    /// - Throws: `origin_not_allowed`.
    func check(_ origins: [String]) throws(Refusal) {
        guard allows(origins) else { throw .originNotAllowed }
    }
}

/// An entry of the list: `https://shop.example`, `https://shop.example:8443`, `https://*.shop.example` for all below it but
/// not itself, or `*`, which allows pages without an origin (`null`), too.
public struct OriginPattern: Hashable, Sendable, CustomStringConvertible {
    fileprivate let isAnything: Bool
    private let origin: SerializedOrigin
    private let isBelow: Bool
    public let description: String

    /// - Returns: nil when it is no such entry.
    public init?(_ text: String) {
        description = text
        isAnything = text == "*"
        let mark = "://*."
        isBelow = text.contains(mark)
        let plain: String
        if isBelow {
            let parts = text.split(separator: mark, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            plain = parts[0] + "://" + parts[1]
        } else {
            plain = isAnything ? "any://any" : text
        }
        guard let origin = SerializedOrigin(plain) else { return nil }
        self.origin = origin
    }

    func matches(_ other: SerializedOrigin) -> Bool {
        if isAnything { return true }
        guard origin.scheme == other.scheme, origin.port == other.port else { return false }
        return isBelow ? other.host.hasSuffix("." + origin.host) : other.host == origin.host
    }
}

/// `scheme://host` or `scheme://host:port`, with the scheme's own port filled in.
struct SerializedOrigin: Hashable, Sendable {
    let scheme: String
    let host: String
    let port: Int

    /// - Returns: nil for anything else, such as `null`, a path or a name with a password.
    init?(_ text: String) {
        let parts = text.lowercased().split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard text.utf8.count <= 512, parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy(Self.isNameByte)
        else { return nil }
        scheme = String(parts[0])
        var rest = parts[1]
        var given: Int?
        let bracket = rest.lastIndex(of: "]")
        if let colon = rest.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
            let digits = rest[rest.index(after: colon)...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                (1...65535).contains(number)
            else { return nil }
            given = number
            rest = rest[..<colon]
        }
        if rest.first == "[" {
            guard rest.last == "]", rest.count > 2,
                rest.dropFirst().dropLast().utf8.allSatisfy({ Self.isNameByte($0) || $0 == UInt8(ascii: ":") })
            else { return nil }
        } else {
            guard !rest.isEmpty, rest.utf8.allSatisfy({ Self.isNameByte($0) || $0 == UInt8(ascii: "_") }) else {
                return nil
            }
        }
        host = String(rest)
        port = given ?? (scheme == "https" ? 443 : scheme == "http" ? 80 : 0)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "+"):
            true
        default: false
        }
    }
}

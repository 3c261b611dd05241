import NIOCore
import SwitchboardProtocol

/// The token that the node knows, and when a new one is due; a struct without I/O.
struct Credentials {
    /// A share of what is left of a token's time, and how much of it is left to chance: a fleet that connected at once does not
    /// come for new tokens at once.
    private static let share = 0.75
    private static let spread = 0.1
    /// With less left, in seconds, the end is awaited: the node closes with 4105, and the next attempt asks for a token.
    private static let shortest = 1.0

    private(set) var token: String?
    /// It was sent on the open link, which has not answered yet.
    private var offered: String?
    private var expiresAt: Double?

    /// The handshake shows this one.
    mutating func shown(_ token: String) {
        self.token = token
        offered = nil
        expiresAt = Self.expiry(of: token)
    }

    /// - Returns: Whether the node should be given this one.
    mutating func offers(_ token: String) -> Bool {
        guard token != self.token, token != offered else { return false }
        offered = token
        return true
    }

    /// - Returns: Whether the node has taken a token over; else it speaks of something else.
    mutating func accepted() -> Bool {
        guard let offered else { return false }
        shown(offered)
        return true
    }

    /// - Returns: Whether it was a token that the node has refused; the older one stands.
    mutating func rejected() -> Bool {
        defer { offered = nil }
        return offered != nil
    }

    /// Seconds until a new token is to be asked for; nil when none is.
    ///
    /// - Parameters:
    ///   - now: Unix time in seconds.
    ///   - random: A number in 0..<1.
    func delay(now: Double, random: Double) -> Double? {
        guard let expiresAt, expiresAt - now > Self.shortest else { return nil }
        return (expiresAt - now) * (Self.share + Self.spread * random)
    }

    /// What may stand in the header `Authorization` (RFC 6750 section 2.1), and is no more than a header takes.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 16_384 && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// `exp` of a JWT (RFC 7519 section 4.1.4), in Unix time; nil for what is none. Whether the token is good is the node's to say.
    static func expiry(of token: String) -> Double? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        var text = String(parts[1].map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        guard let bytes = Base64.decode(text), let claims = try? JSONDocument(bytes) else { return nil }
        return claims["exp"].flatMap(claims.number)
    }
}

import SwitchboardProtocol

@testable import SwitchboardServer

/// The short texts that access hangs on: each has one spelling, and nothing matches that should not.
///
/// The first line of an input is a pattern of the configuration, the second what somebody shows.
enum AccessTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let pattern = lines.first ?? ""
        let shown = lines.dropFirst().first ?? ""
        spellings(Array(input), shown)
        groups(pattern, shown)
        origins(pattern, shown)
    }

    private static func spellings(_ bytes: [UInt8], _ shown: String) {
        expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes, "base64url gives back what it was given")
        if let decoded = Base64URL.decode(shown.utf8) {
            expect(Base64URL.encode(decoded) == shown, "one value has one spelling in base64url")
        }
        if let hash = KeyHash(shown) {
            expect(hash.description == shown.lowercased(), "a hash has one spelling")
            expect(hash.matches(hash) == 1 && hash == hash, "a hash is itself")
        }
        let hash = KeyHash(of: shown)
        expect(KeyHash(hash.description) == hash, "a hash is read as it was written")
        expect(hash.matches(KeyHash(of: shown + "x")) == 0, "another key has another hash")
    }

    private static func groups(_ text: String, _ shown: String) {
        guard let pattern = GroupPattern(text) else { return }
        expect(pattern.description == text, "a pattern has one spelling")
        guard let group = GroupName(rawValue: shown) else { return }
        let isMeant = text.last == "*" ? Array(shown.utf8).starts(with: text.utf8.dropLast()) : text == shown
        expect(pattern.matches(group) == isMeant, "a pattern means a group, or all that begin with it")
    }

    /// A page is let in only when its origin ends as the pattern does, with the same scheme.
    private static func origins(_ text: String, _ shown: String) {
        guard let pattern = OriginPattern(text) else { return }
        let policy = OriginPolicy([pattern])
        expect(!policy.allows([shown, shown]), "two origins are none")
        guard text != "*", policy.allows([shown]) else { return }
        let (wanted, given) = (parts(text), parts(shown))
        expect(given.scheme == wanted.scheme, "the scheme is that of the pattern")
        let host = wanted.host.hasPrefix("*.") ? String(wanted.host.dropFirst(2)) : wanted.host
        let isBelow = wanted.host.hasPrefix("*.")
        expect(isBelow ? given.host.hasSuffix("." + host) : given.host == host, "the host is the one that is meant")
    }

    /// Without the port.
    private static func parts(_ origin: String) -> (scheme: String, host: String) {
        let lowered = origin.lowercased()
        let scheme = lowered.prefix { $0 != ":" }
        let rest = lowered.dropFirst(scheme.count + 3)
        let host = rest.first == "[" ? rest.prefix { $0 != "]" } + "]" : rest.prefix { $0 != ":" }
        return (String(scheme), String(host))
    }
}

/// Which web pages may use a node (RFC 6454). What is no browser sends no `Origin` and is not concerned.
///
/// A browser takes pages of everywhere to every node that it can reach: also to one that asks nobody for a key since only this
/// machine can reach it. There only the node's own pages and those of this machine are let in, unless the configuration names
/// others.
struct PagePolicy: Sendable {
    private let listed: OriginPolicy?
    private let asksForKeys: Bool
    private let isSecure: Bool
    /// Whether browsers have to name this machine. A page whose name suddenly leads here (DNS rebinding) has the origin of the
    /// node in the eyes of its browser, but cannot have it send another name. Proxies and programs may name the node as they
    /// like.
    private let wantsLocalHost: Bool

    /// - Parameters:
    ///   - asksForKeys: Whether the HTTP API asks for a key or a token.
    ///   - isSecure: Whether the node itself speaks TLS.
    init(_ configuration: ServerConfiguration, asksForKeys: Bool, isSecure: Bool) {
        let patterns = configuration.auth.allowedOrigins
        listed = patterns.isEmpty ? nil : OriginPolicy(patterns)
        self.asksForKeys = asksForKeys
        self.isSecure = isSecure
        // No browser can write a PROXY header.
        wantsLocalHost =
            patterns.isEmpty && !asksForKeys && configuration.isLoopback && !configuration.proxyProtocol
    }

    /// - Parameters:
    ///   - origins: The values of the header `Origin`.
    ///   - host: That of `Host`; nil when it is not there, as no browser sends it.
    ///   - userAgent: Browsers send no `Origin` when a page reads what they take for its own.
    /// - Throws: `origin_not_allowed`.
    func check(origins: [String], host: String?, userAgent: String?) throws(Refusal) {
        if let listed { return try listed.check(origins) }
        guard !asksForKeys else { return }
        let isBrowser = !origins.isEmpty || userAgent?.hasPrefix("Mozilla/") == true
        if wantsLocalHost, isBrowser, let host, !Self.isLocal(host.utf8) { throw .hostNotAllowed }
        guard let origin = origins.first else { return }
        guard origins.count == 1, let page = SerializedOrigin(origin), Self.isLocal(page) || isOwn(page, host) else {
            throw .originNotAllowed
        }
    }

    private static func isLocal(_ page: SerializedOrigin) -> Bool {
        isOfWeb(page) && ["localhost", "127.0.0.1", "[::1]"].contains(page.host)
    }

    /// Without TLS of its own a node does not know whether there is a proxy that has it.
    private func isOwn(_ page: SerializedOrigin, _ host: String?) -> Bool {
        guard let host, isSecure ? page.scheme == "https" : Self.isOfWeb(page) else { return false }
        return SerializedOrigin("\(page.scheme)://\(host)") == page
    }

    private static func isOfWeb(_ page: SerializedOrigin) -> Bool { page.scheme == "http" || page.scheme == "https" }

    /// Whether a `Host` is an IP address, `localhost` or below that (RFC 6761 section 6.3): nobody can have such names lead
    /// elsewhere, or something else lead to them.
    static func isLocal(_ host: some BidirectionalCollection<UInt8>) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        var name = host[...]
        if name.first == UInt8(ascii: "[") {
            guard let end = name.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let address = name[name.index(after: name.startIndex)..<end]
            let rest = name[name.index(after: end)...]
            return !address.isEmpty && address.allSatisfy(isOfIPv6)
                && (rest.isEmpty || rest.first == UInt8(ascii: ":") && rest.dropFirst().allSatisfy(digits.contains))
        }
        if let colon = name.firstIndex(of: UInt8(ascii: ":")) {
            guard name[name.index(after: colon)...].allSatisfy(digits.contains) else { return false }
            name = name[..<colon]
        }
        // No top-level domain is a number, so this is an address of IPv4.
        if let first = name.first, digits.contains(first),
            name.allSatisfy({ digits.contains($0) || $0 == UInt8(ascii: ".") })
        {
            return true
        }
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        let last = name.suffix(9)
        guard last.elementsEqual("localhost".utf8, by: { $0 | 0x20 == $1 }) else { return false }
        name = name.dropLast(9)
        return name.isEmpty || name.last == UInt8(ascii: ".")
    }

    private static func isOfIPv6(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

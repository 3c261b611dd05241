import NIOCore

/// Where a client is: an IP address, and a port where one is known. `192.0.2.7:5000`, `[2001:db8::7]:5000`, `2001:db8::7`.
struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    let ip: IPAddress
    let port: Int?

    /// - Returns: nil when it is none of IP.
    init?(_ address: SocketAddress?) {
        guard let address, let text = address.ipAddress, let ip = IPAddress(text) else { return nil }
        (self.ip, port) = (ip, address.port)
    }

    /// One element of `X-Forwarded-For`. That has no standard: proxies write addresses with and without a port, and those of IPv6
    /// with and without brackets.
    init?(element text: some StringProtocol) {
        if let ip = IPAddress(text) {
            (self.ip, port) = (ip, nil)
            return
        }
        let address: Substring
        let rest: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            address = Substring(text[text.index(after: text.startIndex)..<end])
            rest = Substring(text[text.index(after: end)...])
            guard address.contains(":") else { return nil }
        } else {
            // With two of them it would be IPv6, where a port needs the brackets.
            guard let colon = text.firstIndex(of: ":") else { return nil }
            (address, rest) = (Substring(text[..<colon]), Substring(text[colon...]))
        }
        guard let ip = IPAddress(address), rest.isEmpty || rest.first == ":" else { return nil }
        self.ip = ip
        guard !rest.isEmpty else {
            port = nil
            return
        }
        let digits = rest.dropFirst()
        guard !digits.isEmpty, digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), port <= 65_535
        else { return nil }
        self.port = port
    }

    var description: String {
        guard let port else { return "\(ip)" }
        return ip.bytes.count == 4 ? "\(ip):\(port)" : "[\(ip)]:\(port)"
    }

    /// Finds the client behind proxies: the nearest address that belongs to no trusted proxy.
    ///
    /// What stands further left was written by that client, if it likes. An element that is no address ends the search: the
    /// trusted proxy which wrote it does not know either.
    ///
    /// - Parameters:
    ///   - peer: Who is connected.
    ///   - forwarded: The values of all headers `X-Forwarded-For`, in their order.
    ///   - trusted: Whose header is believed.
    /// - Returns: `unknown` when nobody knows.
    static func text(peer: SocketAddress?, forwarded: [String], trusted: [AddressRange]) -> String {
        guard var nearest = ClientAddress(peer) else { return unknown }
        let isTrusted = { (address: ClientAddress) in trusted.contains { $0.contains(address.ip) } }
        guard isTrusted(nearest) else { return "\(nearest)" }
        for value in forwarded.reversed() {
            for part in value.split(separator: ",").reversed() {
                let element = part.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
                guard !element.isEmpty else { continue }
                guard let address = ClientAddress(element: String(element)) else { return unknown }
                nearest = address
                if !isTrusted(address) { return "\(address)" }
            }
        }
        return "\(nearest)"
    }

    private static let unknown = "unknown"

    /// Optional white space (RFC 9110 section 5.6.3).
    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
}

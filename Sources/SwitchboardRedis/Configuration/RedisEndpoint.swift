/// The host and port of one Redis or Sentinel.
public struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The name for TLS' server name indication, which must not be an IP address (RFC 6066 section 3).
    var serverName: String? {
        let isIPv4 = host.allSatisfy { $0.isNumber || $0 == "." }
        return isIPv4 || host.contains(":") ? nil : host
    }

    /// `HOST[:PORT]`, an IPv6 address in brackets.
    init(_ text: Substring, defaultPort: Int) throws(RedisConfigurationError) {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw .invalidHost }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.first == ":" else { throw .invalidHost }
            port = behind.isEmpty ? nil : behind.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw .invalidHost }
        self.host = String(host)
        self.port = defaultPort
        guard let port else { return }
        guard let number = Int(port), (1...65535).contains(number) else { throw .invalidPort(String(port)) }
        self.port = number
    }

    /// As Redis spells it in replies: the port is behind the last colon, IPv6 has no brackets.
    ///
    /// - Parameter fallback: The host when the reply names none, which means the one that was asked.
    init?(redirection text: Substring, fallback: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        let host = text[..<colon]
        self.init(host: host.isEmpty || host == "?" ? fallback : String(host), port: port)
    }
}

/// Where Redis is and as whom to log in, read from a URL: `redis://[[user]:password@]host[:port][/database]`, or `rediss://`
/// for TLS. Characters with a meaning in URLs are written as `%XX` in user and password.
public struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    public var port: Int
    public var isTLS: Bool
    public var user: String?
    public var password: String?
    public var database: Int

    /// Without user and password, fit for logs.
    public var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(isTLS ? "rediss" : "redis")://\(name):\(port)" + (database == 0 ? "" : "/\(database)")
    }

    /// The name for TLS' server name indication, which must not be an IP address (RFC 6066 section 3).
    var serverName: String? {
        let isIPv4 = host.allSatisfy { $0.isNumber || $0 == "." }
        return isIPv4 || host.contains(":") ? nil : host
    }

    /// - Throws: ``RedisConfigurationError`` that says what is wrong; it never repeats the password.
    public init(url: String) throws(RedisConfigurationError) {
        guard let colon = url.firstRange(of: "://") else { throw .notAURL }
        let scheme = url[..<colon.lowerBound].lowercased()
        switch scheme {
        case "redis": isTLS = false
        case "rediss": isTLS = true
        case "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster": throw .laterVersion(scheme)
        default: throw .unknownScheme(scheme)
        }
        var rest = url[colon.upperBound...]
        (user, password) = (nil, nil)
        if let at = rest.lastIndex(of: "@") {
            (user, password) = try Self.login(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        database = 0
        if let slash = rest.firstIndex(of: "/") {
            let text = rest[rest.index(after: slash)...]
            if !text.isEmpty {
                guard let number = Int(text), number >= 0 else { throw .invalidDatabase(String(text)) }
                database = number
            }
            rest = rest[..<slash]
        }
        (host, port) = try Self.endpoint(rest)
    }

    private static func login(_ text: Substring) throws(RedisConfigurationError) -> (user: String?, password: String?) {
        guard let colon = text.firstIndex(of: ":") else {
            if text.isEmpty { return (nil, nil) }
            throw .userWithoutPassword
        }
        let user = try unescaped(text[..<colon])
        let password = try unescaped(text[text.index(after: colon)...])
        guard !password.isEmpty else {
            if user.isEmpty { return (nil, nil) }
            throw .userWithoutPassword
        }
        return (user.isEmpty ? nil : user, password)
    }

    private static func endpoint(_ text: Substring) throws(RedisConfigurationError) -> (host: String, port: Int) {
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
        guard let port else { return (String(host), 6379) }
        guard let number = Int(port), (1...65535).contains(number) else { throw .invalidPort(String(port)) }
        return (String(host), number)
    }

    private static func unescaped(_ text: Substring) throws(RedisConfigurationError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.count == 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(digits, radix: 16)
            else {
                throw .invalidEscape
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Where Redis is and as whom to log in, read from a URL:
///
/// - `redis://[[user]:password@]host[:port][/database]`: one Redis
/// - `redis+sentinel://[login@]host[:port],host[:port].../master[/database]`: whichever Redis the Sentinels call the master
/// - `redis+cluster://[login@]host[:port],host[:port]...`: a Redis Cluster, of which some nodes are named
///
/// `rediss` in place of `redis` is TLS. Characters with a meaning in URLs are written as `%XX` in user and password.
public struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    /// How the Redis servers belong together.
    public enum Topology: Sendable, Hashable {
        case single
        /// The name by which the Sentinels know the master.
        case sentinel(master: String)
        case cluster
    }

    public var topology: Topology
    /// Redis, the Sentinels, or nodes of the Redis Cluster; at least one.
    public var endpoints: [RedisEndpoint]
    public var isTLS: Bool
    public var user: String?
    public var password: String?
    public var database: Int

    public var host: String { endpoints[0].host }
    public var port: Int { endpoints[0].port }
    var serverName: String? { endpoints[0].serverName }
    var isCluster: Bool { topology == .cluster }

    /// Without user and password, fit for logs.
    public var description: String {
        let scheme = isTLS ? "rediss" : "redis"
        let hosts = endpoints.map(\.description).joined(separator: ",")
        let path = database == 0 ? "" : "/\(database)"
        return switch topology {
        case .single: "\(scheme)://\(hosts)\(path)"
        case .sentinel(let master): "\(scheme)+sentinel://\(hosts)/\(master)\(path)"
        case .cluster: "\(scheme)+cluster://\(hosts)"
        }
    }

    /// - Throws: ``RedisConfigurationError`` that says what is wrong; it never repeats the password.
    public init(url: String) throws(RedisConfigurationError) {
        guard let colon = url.firstRange(of: "://") else { throw .notAURL }
        let scheme = url[..<colon.lowerBound].lowercased()
        isTLS = scheme.hasPrefix("rediss")
        var rest = url[colon.upperBound...]
        (user, password) = (nil, nil)
        if let at = rest.lastIndex(of: "@") {
            (user, password) = try Self.login(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        var path = rest.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let hosts = rest.prefix { $0 != "/" }
        switch scheme {
        case "redis", "rediss": topology = .single
        case "redis+sentinel", "rediss+sentinel":
            guard let name = path.popFirst(), !name.isEmpty else { throw .noMasterName }
            topology = .sentinel(master: try Self.unescaped(name))
        case "redis+cluster", "rediss+cluster": topology = .cluster
        default: throw .unknownScheme(scheme)
        }
        database = 0
        let text = path.joined(separator: "/")
        if !text.isEmpty {
            guard let number = Int(text), number >= 0 else { throw .invalidDatabase(text) }
            database = number
        }
        let defaultPort = if case .sentinel = topology { 26_379 } else { 6379 }
        endpoints = []
        for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            endpoints.append(try RedisEndpoint(host, defaultPort: defaultPort))
        }
        if topology == .single, endpoints.count > 1 { throw .severalHosts }
        if topology == .cluster, database != 0 { throw .databaseOfCluster }
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

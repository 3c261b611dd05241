/// Who may connect and who may use the HTTP API.
public struct AuthConfiguration: Sendable {
    /// A file of API keys; nil has none.
    public var keyFile: String?
    /// Secrets of those who make tokens with HS256; several while one replaces another.
    public var tokenSecrets: [String] = []
    /// A JSON Web Key Set of those who make tokens: a file or a URL.
    public var tokenKeys: String?
    /// Seconds between two looks at ``tokenKeys``; 0 looks at the start and for unknown keys only.
    public var tokenKeysInterval = 300.0
    /// Who tokens must be for; nil takes those that are for nobody in particular.
    public var tokenAudience: String?
    /// Who tokens must be from; nil takes all whose key is known.
    public var tokenIssuer: String?
    /// Seconds by which the clock of who makes tokens may be ahead.
    public var tokenLeeway = 10.0
    /// Seconds for which a token may be good from when it is shown; 0 means no limit.
    public var tokenMaxLifetime = 0.0
    /// Pages of which origins may connect; none allows all where keys are asked for, else those of this machine and the node's
    /// own.
    public var allowedOrigins: [OriginPattern] = []
    /// Groups that every client may join by itself; nil lets a client without a token join any, and one with a token those
    /// that the token names.
    public var joinableGroups: [GroupPattern]?
    /// Groups that every client may publish to; tokens may allow more.
    public var publishableGroups: [GroupPattern] = []

    public init() {}

    /// Whether tokens can be verified.
    var hasSigners: Bool { !tokenSecrets.isEmpty || tokenKeys != nil }

    var verifier: TokenVerifier {
        TokenVerifier(
            audience: tokenAudience, issuer: tokenIssuer, leeway: tokenLeeway, maximumLifetime: tokenMaxLifetime)
    }

    /// - Throws: ``ServerConfiguration/Problem`` when a part does nothing, or nobody could connect.
    func validate(allowAnonymous: Bool) throws(ServerConfiguration.Problem) {
        guard keyFile == nil || hasSigners || allowAnonymous else {
            throw ServerConfiguration.Problem(
                "keyFile: with it clients need tokens, too: give tokenSecret or tokenKeys, or let clients connect without "
                    + "with --allow-anonymous")
        }
        guard hasSigners || tokenAudience == nil && tokenIssuer == nil else {
            throw ServerConfiguration.Problem(
                "tokenAudience, tokenIssuer: they do nothing without tokenSecret or tokenKeys")
        }
    }
}

/// Of whom credentials are asked: what follows from the configuration.
struct AccessPolicy: Hashable, Sendable {
    /// Whether the HTTP API asks for a key or a token.
    let guardsAPI: Bool
    /// Whether a client needs a token. One that brings a token is held to it in any case.
    let guardsClients: Bool
}

extension AccessPolicy {
    /// - Parameter isLoopback: Whether only this machine can reach the node.
    /// - Returns: nil when it would be open to other machines without anybody having said so.
    init?(_ configuration: AuthConfiguration, isLoopback: Bool, allowAnonymous: Bool) {
        let isUsed = configuration.keyFile != nil || configuration.hasSigners
        guard isUsed || isLoopback || allowAnonymous else { return nil }
        // Whoever gives keys means that they are needed: then anonymous are the clients alone.
        guardsAPI = isUsed
        guardsClients = isUsed && !allowAnonymous
    }

    /// - Throws: when the node would be open to other machines without anybody having said so.
    init(_ configuration: ServerConfiguration) throws(ServerConfiguration.Problem) {
        let policy = Self(
            configuration.auth, isLoopback: configuration.isLoopback, allowAnonymous: configuration.allowAnonymous)
        guard let policy else {
            throw ServerConfiguration.Problem(
                "host: \(configuration.host) is reachable by other machines, and nothing asks for keys: give keyFile and "
                    + "tokenKeys, listen on 127.0.0.1, or allow it with --allow-anonymous")
        }
        self = policy
    }
}

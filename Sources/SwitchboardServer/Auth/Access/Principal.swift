import SwitchboardProtocol

/// Who asks the HTTP API.
struct Principal: Hashable, Sendable {
    enum Kind: Sendable { case anonymous, key, token }

    let kind: Kind
    /// For logs and for the rate of one caller: the key's name, or the token's `sub` where that is a name.
    let name: String
    let scopes: Scopes
    /// Unix time in seconds after which it is nobody any more; nil when nothing ends it.
    let expiresAt: Double?

    /// Where nobody is asked who it is.
    static let anonymous = Principal(kind: .anonymous, name: "anonymous", scopes: .admin, expiresAt: nil)
}

/// What a token says of the client that shows it.
struct ClientGrant: Hashable, Sendable {
    let client: ClientID
    /// It is put into these ...
    let groups: [GroupName]
    /// ... and may join these by itself.
    let joinable: [GroupPattern]
    let labels: [String: String]
    /// Unix time in seconds at which its session ends, unless it brings a new token.
    let expiresAt: Double
    /// The ``TokenKey/fingerprint`` of the key that has signed the token; without that key the session ends too.
    var signer: KeyHash?
    /// It may publish to these.
    var publishable: [GroupPattern] = []
}

/// Why somebody is not let in.
///
/// A refusal never repeats what was shown: neither a secret nor a line break gets from a token into a log.
struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable words for programs: in problem documents, in close reasons and as a label of a metric.
    enum Reason: String, CaseIterable, Sendable {
        case missingCredentials = "missing_credentials"
        case unsupportedCredentials = "unsupported_credentials"
        case unknownKey = "unknown_key"
        case keyExpired = "key_expired"
        case malformedToken = "malformed_token"
        case unsupportedHeader = "unsupported_header"
        case unsupportedAlgorithm = "unsupported_algorithm"
        case wrongAlgorithm = "wrong_algorithm"
        case unknownSigner = "unknown_signer"
        case wrongSignature = "wrong_signature"
        case tokenExpired = "token_expired"
        case tokenNotYetValid = "token_not_yet_valid"
        case wrongAudience = "wrong_audience"
        case wrongIssuer = "wrong_issuer"
        case missingClaim = "missing_claim"
        case invalidClaim = "invalid_claim"
        case insufficientScope = "insufficient_scope"
        case anotherClient = "another_client"
        case groupNotAllowed = "group_not_allowed"
        case labelNotAllowed = "label_not_allowed"
        case originNotAllowed = "origin_not_allowed"
        case signersUnavailable = "signers_unavailable"
    }

    let reason: Reason
    let detail: String
    /// Seconds after which it may be otherwise.
    private(set) var retryAfter: Int?
    /// The scopes that would do.
    private(set) var wanted: Scopes = []

    init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    var description: String { "\(reason.rawValue): \(detail)" }

    /// Of the answer.
    var status: Int {
        switch reason {
        case .insufficientScope, .anotherClient, .groupNotAllowed, .labelNotAllowed, .originNotAllowed: 403
        case .signersUnavailable: 503
        default: 401
        }
    }

    /// The header `WWW-Authenticate` of a 401 or 403 (RFC 6750 section 3); nil where credentials would not help.
    var challenge: String? {
        switch reason {
        case .missingCredentials: "Bearer realm=\"switchboard\""
        case .unsupportedCredentials:
            "Bearer realm=\"switchboard\", error=\"invalid_request\", error_description=\"\(detail)\""
        case .insufficientScope:
            "Bearer realm=\"switchboard\", error=\"insufficient_scope\", scope=\"\(wanted.names.joined(separator: " "))\""
        case .anotherClient, .groupNotAllowed, .labelNotAllowed, .originNotAllowed, .signersUnavailable: nil
        default: "Bearer realm=\"switchboard\", error=\"invalid_token\", error_description=\"\(detail)\""
        }
    }

    static let missingCredentials = Refusal(
        .missingCredentials, "send Authorization: Bearer with an API key or a token")
    static let unsupportedCredentials = Refusal(
        .unsupportedCredentials, "one Authorization header of the form 'Bearer KEY' is understood")
    static let unknownKey = Refusal(.unknownKey, "the key is not one of ours")
    static let keyExpired = Refusal(.keyExpired, "the key has expired")
    static func malformedToken(_ detail: String) -> Refusal { Refusal(.malformedToken, detail) }
    static func unsupportedHeader(_ name: StaticString) -> Refusal {
        Refusal(.unsupportedHeader, "the token's header '\(name)' asks for what is not done here")
    }
    static let unsupportedAlgorithm = Refusal(
        .unsupportedAlgorithm, "tokens are signed with HS256, RS256, ES256 or EdDSA")
    static let wrongAlgorithm = Refusal(.wrongAlgorithm, "the key that the token names is for another algorithm")
    static let unknownSigner = Refusal(.unknownSigner, "the token names no key that is known here")
    static let wrongSignature = Refusal(.wrongSignature, "the token's signature is wrong")
    static let tokenExpired = Refusal(.tokenExpired, "the token has expired")
    static let tokenNotYetValid = Refusal(.tokenNotYetValid, "the token is not valid yet")
    static let wrongAudience = Refusal(.wrongAudience, "the token is for somebody else")
    static let wrongIssuer = Refusal(.wrongIssuer, "the token is from somebody else")
    static func missingClaim(_ name: StaticString) -> Refusal {
        Refusal(.missingClaim, "the token has no '\(name)'")
    }
    static func invalidClaim(_ name: StaticString, _ rule: String) -> Refusal {
        Refusal(.invalidClaim, "the token's '\(name)' is not \(rule)")
    }
    static func insufficientScope(_ wanted: Scopes) -> Refusal {
        var refusal = Refusal(
            .insufficientScope, "this takes the scope \(wanted.names.joined(separator: " or "))")
        refusal.wanted = wanted
        return refusal
    }
    static let anotherClient = Refusal(.anotherClient, "the token is for another clientId")
    static let groupNotAllowed = Refusal(.groupNotAllowed, "the client may not join this group")
    static let originNotAllowed = Refusal(
        .originNotAllowed, "pages of this origin may not use this node; see allowedOrigins")
    static let hostNotAllowed = Refusal(
        .originNotAllowed,
        "Host is not of this machine, and nobody is asked for a key: name the pages that may connect in allowedOrigins")
    /// - Parameter retryAfter: Seconds.
    static func signersUnavailable(retryAfter: Int) -> Refusal {
        var refusal = Refusal(.signersUnavailable, "the keys of those who make tokens cannot be had now")
        refusal.retryAfter = max(1, retryAfter)
        return refusal
    }
}

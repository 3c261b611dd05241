import SwitchboardProtocol

/// Which tokens are taken for good (RFC 7519, RFC 8725).
struct TokenVerifier: Sendable {
    /// Who a token must be for; nil takes only those that are for nobody in particular.
    var audience: String?
    /// Who a token must be from; nil takes those of everybody whose key is known.
    var issuer: String?
    /// Seconds by which the clock of who makes tokens may be ahead.
    var leeway = 10.0
    /// Seconds within which a token must end, besides ``leeway``; 0 means no limit.
    var maximumLifetime = 0.0

    /// What became of a token.
    enum Verdict {
        case valid(TokenClaims)
        /// It names a key that is not in the set. A newer set may have it; what to say when none has is `otherwise`.
        case unknownSigner(String, otherwise: Refusal)
    }

    /// Checks signature, times, audience and issuer.
    ///
    /// - Parameter now: Unix time in seconds.
    func verify(_ token: TokenText, with keys: TokenKeySet, now: Double) throws(Refusal) -> Verdict {
        switch keys.candidates(for: token) {
        case .wrongAlgorithm: throw .wrongAlgorithm
        case .unknown:
            guard let id = token.keyID else { throw .unknownSigner }
            return .unknownSigner(id, otherwise: .unknownSigner)
        case .keys(let keys):
            guard let key = keys.first(where: { $0.verifies(token) }) else {
                // A key without a name was only a guess.
                if let id = token.keyID, !keys.contains(where: { $0.id == id }) {
                    return .unknownSigner(id, otherwise: .wrongSignature)
                }
                throw .wrongSignature
            }
            return .valid(try check(TokenClaims(try token.claims(), signer: key.fingerprint), now: now))
        }
    }

    private func check(_ claims: TokenClaims, now: Double) throws(Refusal) -> TokenClaims {
        guard now < claims.expiresAt else { throw .tokenExpired }
        guard maximumLifetime == 0 || claims.expiresAt <= now + maximumLifetime + leeway else {
            throw .invalidClaim("exp", "within the time for which tokens may be good here")
        }
        if let start = claims.notBefore {
            guard start <= now + leeway else { throw .tokenNotYetValid }
        }
        if let issuer {
            guard let given = claims.issuer else { throw .missingClaim("iss") }
            guard given == issuer else { throw .wrongIssuer }
        }
        if let audience {
            guard let given = claims.audience else { throw .missingClaim("aud") }
            guard given.contains(audience) else { throw .wrongAudience }
        } else if claims.audience != nil {
            // RFC 7519 section 4.1.3: whoever is not among those that it is for must refuse it.
            throw .wrongAudience
        }
        return claims
    }
}

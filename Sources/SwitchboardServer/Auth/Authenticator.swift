import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Says who somebody is.
///
/// Most of it is known at once, and is asked on the event loop. Only a token that names a key which is not there yet has to
/// wait for the newest set.
final class Authenticator: Sendable {
    /// What is known at once.
    enum Answer<Value: Sendable>: Sendable {
        case known(Value)
        case refused(Refusal)
        /// The set of keys has to be fetched first; see ``settled(_:again:)``. The id is empty when the token names no key.
        case waits(keyID: String, otherwise: Refusal)
    }

    let policy: AccessPolicy
    let keys: KeyFile?
    let signers: TokenKeyStore?
    /// Who was not let in.
    let tally = AuthTally()
    private let verifier: TokenVerifier
    private let verified = VerifiedTokens()
    private let maximumGroups: Int
    private let now: @Sendable () -> Double

    /// - Parameters:
    ///   - maximumGroups: Of one session; 0 is no limit.
    ///   - now: Unix time in seconds.
    init(
        policy: AccessPolicy, keys: KeyFile?, signers: TokenKeyStore?, verifier: TokenVerifier, maximumGroups: Int,
        now: @escaping @Sendable () -> Double = { Double(WallClock.milliseconds()) / 1000 }
    ) {
        self.policy = policy
        self.keys = keys
        self.signers = signers
        self.verifier = verifier
        self.maximumGroups = maximumGroups
        self.now = now
    }

    /// Who asks the HTTP API.
    ///
    /// - Parameter authorization: The values of the header `Authorization`.
    func principal(_ authorization: [String]) -> Answer<Principal> {
        guard policy.guardsAPI else { return .known(.anonymous) }
        let credentials: Substring
        do throws(Refusal) {
            guard let given = try Self.bearer(authorization) else { throw .missingCredentials }
            credentials = given
        } catch { return .refused(error) }
        if TokenText.looksLikeOne(credentials) { return principal(token: credentials) }
        do throws(Refusal) {
            guard let keys else { throw .unknownKey }
            return .known(try keys.keys.principal(String(credentials), now: now()))
        } catch { return .refused(error) }
    }

    /// The same for one who asks again and again on one connection.
    ///
    /// - Parameters:
    ///   - authorization: The value of the one header `Authorization`.
    ///   - last: Who asked before.
    func principal(_ authorization: UnsafeRawBufferPointer, last: inout LastCaller) -> Answer<Principal> {
        guard policy.guardsAPI else { return .known(.anonymous) }
        let version = version
        if let known = last.principal(showing: authorization, version: version, now: now) { return .known(known) }
        let answer = principal([String(decoding: authorization, as: UTF8.self)])
        if case .known(let principal) = answer { last.note(principal, showing: authorization, version: version) }
        return answer
    }

    /// The same for one who can wait.
    func settledPrincipal(_ authorization: [String]) async throws(Refusal) -> Principal {
        try await settled(principal(authorization)) { principal(authorization) }
    }

    private func principal(token: Substring) -> Answer<Principal> {
        guard token.utf8.count <= TokenText.maximumLength else {
            return verify(token) { claims throws(Refusal) in try claims.principal() }
        }
        let hash = KeyHash(of: token)
        // The set that is in force now or an older one: what it verifies is not kept for a newer.
        let version = signers?.keys.version ?? 0
        if let known = verified.principal(hash, version: version, now: now()) { return .known(known) }
        let answer = verify(token) { claims throws(Refusal) in try claims.principal() }
        if case .known(let principal) = answer { verified.keep(principal, of: hash, version: version) }
        return answer
    }

    /// Which client shows a token.
    func client(_ token: some StringProtocol) -> Answer<ClientGrant> {
        let limit = maximumGroups
        return verify(token) { claims throws(Refusal) in try claims.client(maximumGroups: limit) }
    }

    /// Whether the key of a client's token is one that is looked at still.
    func trusts(_ signer: KeyHash) -> Bool { signers?.keys.holds(signer) ?? false }

    /// Rises when keys have changed: who was known before may not be let in any more.
    var version: Int { (keys?.version ?? 0) &+ (signers?.version ?? 0) }

    /// Whether the time of a caller is over.
    func hasEnded(_ principal: Principal) -> Bool { principal.expiresAt.map { now() >= $0 } ?? false }

    /// Waits for the newest keys where that is needed.
    ///
    /// - Parameter again: The question, asked once more when they are there.
    func settled<Value>(
        _ answer: Answer<Value>, again: @Sendable () -> Answer<Value>
    ) async throws(Refusal) -> Value {
        switch answer {
        case .known(let value): return value
        case .refused(let refusal): throw refusal
        case .waits(let id, let otherwise):
            guard let signers else { throw otherwise }
            try await signers.bring(id, otherwise: otherwise)
            switch again() {
            case .known(let value): return value
            case .refused(let refusal): throw refusal
            case .waits(_, let otherwise): throw otherwise
            }
        }
    }

    private func verify<Value>(
        _ token: some StringProtocol, _ take: (TokenClaims) throws(Refusal) -> Value
    ) -> Answer<Value> {
        do throws(Refusal) {
            guard let signers else { throw .unknownSigner }
            switch try verifier.verify(try TokenText(token), with: signers.keys, now: now()) {
            case .valid(let claims): return .known(try take(claims))
            case .unknownSigner(let id, let otherwise): return .waits(keyID: id, otherwise: otherwise)
            }
        } catch {
            // As long as there is no set at all nobody can say that a token without a key id fits none of it.
            if error.reason == .unknownSigner, signers?.isAwaited == true { return .waits(keyID: "", otherwise: error) }
            return .refused(error)
        }
    }

    /// The credentials of `Authorization: Bearer` (RFC 6750 section 2.1); nil when the header is not there.
    static func bearer(_ values: [String]) throws(Refusal) -> Substring? {
        guard let value = values.first else { return nil }
        let scheme = "bearer "
        guard values.count == 1, value.utf8.count > scheme.utf8.count,
            value.prefix(scheme.count).lowercased() == scheme
        else { throw .unsupportedCredentials }
        let credentials = value.dropFirst(scheme.count).drop { $0 == " " }
        guard !credentials.isEmpty, credentials.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .unsupportedCredentials
        }
        return credentials
    }
}

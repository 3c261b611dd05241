import JWTKit
import SwitchboardProtocol

/// A key that tokens are verified with, or signed. It is bound to one algorithm: a token does not choose it.
///
/// JWTKit does the cryptography. Its collection of keys is not used beyond making them: it takes another key for one that
/// it does not have, and asking it is asynchronous, while most of what is asked here is known at once.
struct TokenKey: Sendable {
    /// The most bytes of `kid`.
    static let maximumID = 256

    /// `kid`
    let id: String?
    let algorithm: TokenAlgorithm
    /// Of what it verifies with, whatever it is called: another key under the same `kid` is another.
    let fingerprint: KeyHash
    private let implementation: any JWTAlgorithm

    /// - Parameter secret: At least ``TokenAlgorithm/shortestSecret`` bytes.
    init(id: String?, secret: [UInt8]) async throws(Fault) {
        guard secret.count >= TokenAlgorithm.shortestSecret else {
            throw Fault("a secret for HS256 has at least \(TokenAlgorithm.shortestSecret) bytes")
        }
        self.id = id
        algorithm = .hs256
        fingerprint = Self.fingerprint(.hs256, [Base64URL.encode(secret)])
        implementation = try await Self.made { keys in
            await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256, kid: Self.anyID)
        }
    }

    /// - Parameters:
    ///   - key: With its algorithm.
    ///   - numbers: Its public part.
    fileprivate init(id: String?, algorithm: TokenAlgorithm, _ key: JWK, numbers: [String]) async throws(Fault) {
        self.id = id
        self.algorithm = algorithm
        fingerprint = Self.fingerprint(algorithm, numbers)
        implementation = try await Self.made { keys in try await keys.add(jwk: key) }
    }

    private static func fingerprint(_ algorithm: TokenAlgorithm, _ numbers: [String]) -> KeyHash {
        KeyHash(of: ([algorithm.rawValue] + numbers).joined(separator: " "))
    }

    fileprivate static let anyID = JWKIdentifier(string: "key")

    private static func made(
        _ add: @Sendable (JWTKeyCollection) async throws -> Void
    ) async throws(Fault) -> any JWTAlgorithm {
        do {
            let keys = JWTKeyCollection()
            try await add(keys)
            return try await keys.getKey(for: anyID)
        } catch {
            // What the library says may hold a part of the key.
            throw Fault("its numbers make no key, or one that is too short")
        }
    }

    /// Whether the signature is this key's.
    func verifies(_ token: TokenText) -> Bool {
        guard token.algorithm == algorithm else { return false }
        return (try? implementation.verify(token.signature, signs: token.input)) ?? false
    }

    /// - Throws: when it is no private key.
    func sign(_ input: [UInt8]) throws(Fault) -> [UInt8] {
        do { return try implementation.sign(input) } catch { throw Fault("it cannot sign: it is no private key") }
    }

    /// Why something is no key.
    struct Fault: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}

extension TokenKey {
    /// A JSON Web Key (RFC 7517).
    ///
    /// - Parameter isPrivate: Whether its private part is taken, to sign with it; else it is passed over.
    /// - Throws: also for a key that is for something else.
    init(jwk: JSONDocument, isPrivate: Bool = false) async throws(Fault) {
        let id = jwk["kid"].flatMap(jwk.string)
        guard id.map({ $0.utf8.count <= Self.maximumID }) ?? (jwk["kid"] == nil) else {
            throw Fault("its 'kid' is not a text of at most \(Self.maximumID) bytes")
        }
        if let use = jwk["use"] {
            guard jwk.string(use) == "sig" else { throw Fault("it is not for signatures") }
        }
        if let slice = jwk["key_ops"] {
            let wanted = isPrivate ? "sign" : "verify"
            guard let operations = jwk.elements(slice), operations.contains(where: { jwk.string($0) == wanted }) else {
                throw Fault("it is not to \(wanted)")
            }
        }
        let algorithm = try Self.algorithm(of: jwk)
        func text(_ name: String) throws(Fault) -> String {
            guard let text = jwk[name].flatMap(jwk.string) else { throw Fault("it has no '\(name)'") }
            return text
        }
        let secret = isPrivate ? try text(algorithm == .hs256 ? "k" : "d") : nil
        switch algorithm {
        case .hs256:
            guard let bytes = Base64URL.decode(try text("k").utf8) else { throw Fault("its 'k' is not base64url") }
            try await self.init(id: id, secret: bytes)
        case .rs256:
            let (n, e) = (try text("n"), try text("e"))
            let key = JWK.rsa(.rs256, identifier: Self.anyID, modulus: n, exponent: e, privateExponent: secret)
            try await self.init(id: id, algorithm: algorithm, key, numbers: [n, e])
        case .es256:
            let (x, y) = (try text("x"), try text("y"))
            let key = JWK.ecdsa(.es256, identifier: Self.anyID, x: x, y: y, curve: .p256, privateKey: secret)
            try await self.init(id: id, algorithm: algorithm, key, numbers: [x, y])
        case .edDSA:
            let x = try text("x")
            let key = JWK.octetKeyPair(
                .eddsa, identifier: Self.anyID, x: x, y: nil, curve: .ed25519, privateKey: secret)
            try await self.init(id: id, algorithm: algorithm, key, numbers: [x])
        }
    }

    /// The one algorithm that a key of this type is for here; what it says of itself must agree.
    private static func algorithm(of jwk: JSONDocument) throws(Fault) -> TokenAlgorithm {
        let type = jwk["kty"].flatMap(jwk.string)
        let curve = jwk["crv"].flatMap(jwk.string)
        let algorithm: TokenAlgorithm
        switch (type, curve) {
        case ("oct", nil): algorithm = .hs256
        case ("RSA", nil): algorithm = .rs256
        case ("EC", "P-256"): algorithm = .es256
        case ("OKP", "Ed25519"): algorithm = .edDSA
        default: throw Fault("its type or curve is not used here")
        }
        guard let slice = jwk["alg"] else { return algorithm }
        guard jwk.string(slice).flatMap(TokenAlgorithm.init(name:)) == algorithm else {
            throw Fault("its algorithm is not used here")
        }
        return algorithm
    }
}

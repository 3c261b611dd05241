import Crypto
import FoundationEssentials
public import NIOCore
import SwitchboardProtocol

/// Makes tokens, for `switchboard token` and for tests.
public struct TokenSigner: Sendable {
    private let key: TokenKey

    /// - Parameter jwk: A private JSON Web Key (RFC 7517), or a secret for HS256 as it is.
    /// - Throws: one line that says what is wrong with it.
    public init(_ jwk: ByteBuffer) async throws(ServerConfiguration.Problem) {
        do throws(TokenKey.Fault) {
            guard jwk.readableBytesView.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else {
                let text = String(buffer: jwk).split(whereSeparator: \.isNewline).first ?? ""
                key = try await TokenKey(id: nil, secret: Array(text.utf8))
                return
            }
            guard let document = try? JSONDocument(jwk) else { throw TokenKey.Fault("it is no JSON object") }
            key = try await TokenKey(jwk: document, isPrivate: true)
        } catch { throw ServerConfiguration.Problem("the signing key cannot be used: \(error)") }
    }

    /// - Returns: A token with the header and the claims (RFC 7515 section 3.1).
    public func sign(_ claims: ByteBuffer) throws(ServerConfiguration.Problem) -> String {
        let header = JSONObjectWriter.document { json in
            json.string("alg", key.algorithm.rawValue)
            if let id = key.id { json.string("kid", id) }
            json.string("typ", "JWT")
        }
        let input = Base64URL.encode(header.readableBytesView) + "." + Base64URL.encode(claims.readableBytesView)
        do throws(TokenKey.Fault) {
            return input + "." + Base64URL.encode(try key.sign(Array(input.utf8)))
        } catch { throw ServerConfiguration.Problem("the signing key cannot be used: \(error)") }
    }
}

/// A new key for tokens.
public struct NewSigningKey: Sendable {
    /// A JSON Web Key. Secret.
    public let jwk: ByteBuffer
    /// The set with which tokens are verified. For HS256 it holds the same secret.
    public let keySet: ByteBuffer

    /// - Parameter algorithm: RS256 is not for new keys: they are long and slow, and no better.
    public init?(_ algorithm: TokenAlgorithm) {
        let members: [(name: String, value: String)]
        let secret: (name: String, value: String)
        switch algorithm {
        case .rs256: return nil
        case .hs256:
            let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
            members = [("kty", "oct")]
            secret = ("k", Base64URL.encode(bytes))
        case .es256:
            let key = P256.Signing.PrivateKey()
            let point = Array(key.publicKey.rawRepresentation)
            members = [
                ("kty", "EC"), ("crv", "P-256"), ("x", Base64URL.encode(point.prefix(32))),
                ("y", Base64URL.encode(point.suffix(32))),
            ]
            secret = ("d", Base64URL.encode(key.rawRepresentation))
        case .edDSA:
            let key = Curve25519.Signing.PrivateKey()
            members = [("kty", "OKP"), ("crv", "Ed25519"), ("x", Base64URL.encode(key.publicKey.rawRepresentation))]
            secret = ("d", Base64URL.encode(key.rawRepresentation))
        }
        let common = [("kid", SessionID.random().rawValue), ("alg", algorithm.rawValue), ("use", "sig")]
        jwk = Self.document(common + members + [secret])
        let shared = algorithm == .hs256 ? [secret] : []
        let verifying = common + members + shared
        keySet = JSONObjectWriter.document { json in
            json.list("keys", [verifying]) { json, members in
                for (name, value) in members { json.string(named: name, value) }
            }
        }
    }

    /// Writes the private key to a new file that only its owner may read. It blocks.
    ///
    /// - Throws: also when there is such a file.
    public func save(to path: String) throws(ServerConfiguration.Problem) {
        try SmallFile.create(path, with: Array(jwk.readableBytesView) + [UInt8(ascii: "\n")])
    }

    private static func document(_ members: [(String, String)]) -> ByteBuffer {
        JSONObjectWriter.document { json in
            for (name, value) in members { json.string(named: name, value) }
        }
    }
}

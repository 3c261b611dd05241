import Crypto
import FoundationEssentials
import NIOCore
public import SwitchboardProtocol

/// A key with which an agent checks who has signed a command.
public struct CommandKey: Sendable, CustomStringConvertible {
    enum Material: Sendable {
        case ed25519(Curve25519.Signing.PublicKey)
        case hmacSHA256(SymmetricKey)
    }

    public let id: SigningKeyID
    let material: Material

    init(id: SigningKeyID, material: Material) {
        self.id = id
        self.material = material
    }

    /// The public half of an Ed25519 key (RFC 8032).
    ///
    /// - Throws: ``SigningKeyError`` unless it has 32 bytes.
    public init(id: SigningKeyID, ed25519 bytes: [UInt8]) throws(SigningKeyError) {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else {
            throw SigningKeyError("an Ed25519 key has 32 bytes")
        }
        self.init(id: id, material: .ed25519(key))
    }

    /// A secret of HMAC-SHA256 (RFC 2104), which whoever checks can also sign with.
    ///
    /// - Throws: ``SigningKeyError`` unless it has 32 to 64 bytes.
    public init(id: SigningKeyID, hmacSHA256 secret: [UInt8]) throws(SigningKeyError) {
        self.init(id: id, material: .hmacSHA256(try SymmetricKey(commandSecret: secret)))
    }

    /// Says nothing of a secret.
    public var description: String {
        switch material {
        case .ed25519: "\(id) (Ed25519)"
        case .hmacSHA256: "\(id) (HMAC-SHA256)"
        }
    }

    /// Whether this key has signed these bytes. HMACs are compared in constant time.
    func hasSigned(_ bytes: ByteBuffer, _ signature: [UInt8]) -> Bool {
        let data = Data(bytes.readableBytesView)
        return switch material {
        case .ed25519(let key): key.isValidSignature(signature, for: data)
        case .hmacSHA256(let secret):
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: data, using: secret)
        }
    }
}

/// Why a signing key cannot be used. The description is fit for a person's eyes, and never has the key in it.
public struct SigningKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

extension SymmetricKey {
    /// Fewer bytes could be guessed, and more would be hashed to 32 first.
    init(commandSecret secret: [UInt8]) throws(SigningKeyError) {
        guard (32...64).contains(secret.count) else { throw SigningKeyError("a secret has 32 to 64 bytes") }
        self.init(data: secret)
    }
}

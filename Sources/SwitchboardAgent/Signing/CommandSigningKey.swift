import Crypto
import FoundationEssentials
import NIOCore
public import SwitchboardProtocol

/// A key with which a backend signs commands.
public struct CommandSigningKey: Sendable, CustomStringConvertible {
    enum Material: Sendable {
        case ed25519(Curve25519.Signing.PrivateKey)
        case hmacSHA256(SymmetricKey)
    }

    public let id: SigningKeyID
    let material: Material

    init(id: SigningKeyID, material: Material) {
        self.id = id
        self.material = material
    }

    /// The private half of an Ed25519 key: the 32 bytes that RFC 8032 calls so.
    ///
    /// - Throws: ``SigningKeyError`` unless it has 32 bytes.
    public init(id: SigningKeyID, ed25519 bytes: [UInt8]) throws(SigningKeyError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) else {
            throw SigningKeyError("an Ed25519 key has 32 bytes")
        }
        self.init(id: id, material: .ed25519(key))
    }

    /// A secret of HMAC-SHA256.
    ///
    /// - Throws: ``SigningKeyError`` unless it has 32 to 64 bytes.
    public init(id: SigningKeyID, hmacSHA256 secret: [UInt8]) throws(SigningKeyError) {
        self.init(id: id, material: .hmacSHA256(try SymmetricKey(commandSecret: secret)))
    }

    /// A new Ed25519 key.
    public static func ed25519(id: SigningKeyID) -> CommandSigningKey {
        CommandSigningKey(id: id, material: .ed25519(Curve25519.Signing.PrivateKey()))
    }

    /// A new secret of HMAC-SHA256.
    public static func hmacSHA256(id: SigningKeyID) -> CommandSigningKey {
        CommandSigningKey(id: id, material: .hmacSHA256(SymmetricKey(size: .bits256)))
    }

    /// Says nothing of the key.
    public var description: String { commandKey.description }

    /// What an agent needs to check this key's signatures: of an Ed25519 key the public half, else the secret itself.
    public var commandKey: CommandKey {
        switch material {
        case .ed25519(let key): CommandKey(id: id, material: .ed25519(key.publicKey))
        case .hmacSHA256(let secret): CommandKey(id: id, material: .hmacSHA256(secret))
        }
    }

    /// Signs a command.
    ///
    /// - Parameters:
    ///   - payload: As it is sent; text counts as a JSON string.
    ///   - issued: Unix seconds.
    ///   - seconds: For how long the command may be begun, at most ``CommandGuard/longestValidity``.
    /// - Throws: ``SigningKeyError`` when such a command cannot be signed.
    public func sign(
        client: ClientID, id: CommandID, name: String, payload: Payload, issued: Int, seconds: Int
    ) throws(SigningKeyError) -> CommandSignature {
        let statement = CommandStatement(
            client: client, id: id, name: name, payload: payload, key: self.id, issued: issued,
            expires: issued + seconds)
        guard (1...CommandSignature.longestValidity).contains(seconds) else {
            throw SigningKeyError("a signature is good for 1...\(CommandSignature.longestValidity) seconds")
        }
        guard let bytes = statement.bytes else {
            throw SigningKeyError("a name with control characters cannot be signed")
        }
        guard let value = try? signature(of: Data(bytes.readableBytesView)),
            let signature = CommandSignature(
                key: self.id, issued: issued, expires: statement.expires, value: Base64URL.encode(value))
        else { throw SigningKeyError("the command could not be signed") }
        return signature
    }

    private func signature(of data: Data) throws -> [UInt8] {
        switch material {
        case .ed25519(let key): Array(try key.signature(for: data))
        case .hmacSHA256(let secret): Array(HMAC<SHA256>.authenticationCode(for: data, using: secret))
        }
    }
}

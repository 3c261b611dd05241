import Crypto
import SwitchboardProtocol

/// Keys as text: one a line, `KIND ID BYTES`, the bytes in base64url. Empty lines and those that begin with `#` do not count.
enum SigningKeyText {
    enum Kind: String {
        case ed25519Public = "switchboard-ed25519-public"
        case ed25519Private = "switchboard-ed25519-private"
        case hmacSHA256Secret = "switchboard-hmac-sha256-secret"
    }

    struct Line {
        let kind: Kind
        let id: SigningKeyID
        let bytes: [UInt8]
    }

    static func line(_ kind: Kind, _ id: SigningKeyID, _ bytes: some Sequence<UInt8>) -> String {
        "\(kind.rawValue) \(id) \(Base64URL.encode(bytes))"
    }

    /// - Throws: ``SigningKeyError`` that names the line, and not what stands in it.
    static func lines(_ text: String) throws(SigningKeyError) -> [Line] {
        var lines: [Line] = []
        for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3, let kind = Kind(rawValue: String(first)),
                let id = SigningKeyID(rawValue: String(words[1])), let bytes = Base64URL.decode(words[2].utf8)
            else { throw SigningKeyError("entry \(index + 1) is no signing key: KIND ID BASE64URL is expected") }
            lines.append(Line(kind: kind, id: id, bytes: bytes))
        }
        guard !lines.isEmpty else { throw SigningKeyError("there is no signing key in it") }
        return lines
    }
}

extension CommandKey {
    /// The line for the file that agents get: of an Ed25519 key the public half, of HMAC the secret itself.
    public var text: String {
        switch material {
        case .ed25519(let key): SigningKeyText.line(.ed25519Public, id, key.rawRepresentation)
        case .hmacSHA256(let secret): SigningKeyText.line(.hmacSHA256Secret, id, secret.withUnsafeBytes { Array($0) })
        }
    }

    /// Reads all keys of a key file's text.
    ///
    /// - Throws: ``SigningKeyError``, also for a private key: an agent that has it could command the others.
    public static func keys(in text: String) throws(SigningKeyError) -> [CommandKey] {
        var keys: [CommandKey] = []
        for line in try SigningKeyText.lines(text) {
            switch line.kind {
            case .ed25519Public: keys.append(try CommandKey(id: line.id, ed25519: line.bytes))
            case .hmacSHA256Secret: keys.append(try CommandKey(id: line.id, hmacSHA256: line.bytes))
            case .ed25519Private:
                throw SigningKeyError("it holds the private key \(line.id): agents get the public one, the .pub file")
            }
        }
        return keys
    }
}

extension CommandSigningKey {
    /// The line for the file that the backend keeps to itself.
    public var text: String {
        switch material {
        case .ed25519(let key): SigningKeyText.line(.ed25519Private, id, key.rawRepresentation)
        case .hmacSHA256: commandKey.text
        }
    }

    /// Reads the one key of a key file's text.
    ///
    /// - Throws: ``SigningKeyError``, also for a public key.
    public init(text: String) throws(SigningKeyError) {
        let lines = try SigningKeyText.lines(text)
        guard let line = lines.first, lines.count == 1 else { throw SigningKeyError("it holds more than one key") }
        switch line.kind {
        case .ed25519Private: try self.init(id: line.id, ed25519: line.bytes)
        case .hmacSHA256Secret: try self.init(id: line.id, hmacSHA256: line.bytes)
        case .ed25519Public: throw SigningKeyError("it holds the public key \(line.id): the private one signs")
        }
    }
}

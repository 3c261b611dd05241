/// How tokens may be signed (RFC 7518 section 3.1, RFC 8037).
public enum TokenAlgorithm: String, CaseIterable, Sendable {
    case hs256 = "HS256"
    case rs256 = "RS256"
    case es256 = "ES256"
    case edDSA = "EdDSA"

    /// - Parameter name: As `alg` has it; Ed25519 is what RFC 9864 calls the one curve of EdDSA that is used.
    init?(name: String) {
        guard let algorithm = Self(rawValue: name == "Ed25519" ? Self.edDSA.rawValue : name) else { return nil }
        self = algorithm
    }

    /// The fewest bytes of a secret for HS256 (RFC 7518 section 3.2).
    static let shortestSecret = 32
}

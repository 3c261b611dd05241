import NIOCore
import SwitchboardProtocol

/// A token taken apart (RFC 7515 section 3.1). Nothing in it is believed yet, and its claims are not even looked at.
struct TokenText: Sendable {
    /// The most bytes of a token.
    static let maximumLength = 8192

    let algorithm: TokenAlgorithm
    /// `kid`
    let keyID: String?
    /// What is signed.
    let input: [UInt8]
    let signature: [UInt8]
    private let payload: ArraySlice<UInt8>

    /// Two dots make a token; an API key has none.
    static func looksLikeOne(_ text: some StringProtocol) -> Bool {
        text.utf8.count { $0 == UInt8(ascii: ".") } == 2
    }

    init(_ text: some StringProtocol) throws(Refusal) {
        guard text.utf8.count <= Self.maximumLength else {
            throw .malformedToken("a token has at most \(Self.maximumLength) bytes")
        }
        let bytes = Array(text.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformedToken("a token has three parts with dots between them") }
        guard let header = Base64URL.decode(parts[0]), let document = try? JSONDocument(ByteBuffer(bytes: header))
        else {
            throw .malformedToken("the token's header is not a JSON object in base64url")
        }
        (algorithm, keyID) = try Self.read(document)
        guard let signature = Base64URL.decode(parts[2]), !signature.isEmpty else {
            throw .malformedToken("the token's signature is not base64url")
        }
        self.signature = signature
        input = Array(bytes[..<(parts[2].startIndex - 1)])
        payload = parts[1]
    }

    /// The claims; to be looked at only when the signature is right.
    func claims() throws(Refusal) -> JSONDocument {
        guard let json = Base64URL.decode(payload), let document = try? JSONDocument(ByteBuffer(bytes: json)) else {
            throw .malformedToken("the token's claims are not a JSON object in base64url")
        }
        return document
    }

    /// Keys that come with the token itself (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
    private static func read(_ header: JSONDocument) throws(Refusal) -> (TokenAlgorithm, String?) {
        guard let name = header["alg"].flatMap(header.word) else {
            throw .malformedToken("the token's header names no algorithm")
        }
        guard let algorithm = TokenAlgorithm(name: name) else { throw .unsupportedAlgorithm }
        // RFC 7515 section 4.1.11: whoever does not understand it must refuse it.
        guard header["crit"] == nil else { throw .unsupportedHeader("crit") }
        // RFC 8725 section 3.11: tokens that were made for something else (logout, DPoP, ...) say so.
        if let slice = header["typ"] {
            guard let type = header.word(slice)?.lowercased(), types.contains(type) else {
                throw .unsupportedHeader("typ")
            }
        }
        guard let slice = header["kid"] else { return (algorithm, nil) }
        guard let id = header.string(slice), id.utf8.count <= TokenKey.maximumID else {
            throw .malformedToken("the token's 'kid' is not a text of at most \(TokenKey.maximumID) bytes")
        }
        return (algorithm, id)
    }

    private static let types = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"]
}

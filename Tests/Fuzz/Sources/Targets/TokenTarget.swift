import Foundation
import NIOCore
import SwitchboardProtocol

@testable import SwitchboardServer

/// Tokens: none is taken that no key has signed, and none whose header or claims say that it must not be.
///
/// An input is a token; or, behind `C`, claims that are signed here; or, behind `H`, a header that is signed here; or, behind
/// `X` and a byte that chooses which, a header that is signed with what everybody may know of the keys.
enum TokenTarget {
    private static let verifier = TokenVerifier(audience: nil, issuer: "joe")
    private static let strict = TokenVerifier(audience: "switchboard", issuer: "joe")

    static func check(_ input: UnsafeRawBufferPointer) {
        let keys = TokenKeys.all
        let rest = Array(input.dropFirst())
        switch input.first {
        case UInt8(ascii: "C"):
            let token = signed(#"{"alg":"HS256","kid":"k"}"#.utf8, rest, keys.named)
            claimsAreKept(rest, take(token, verifier), isStrict: false)
            claimsAreKept(rest, take(token, strict), isStrict: true)
        case UInt8(ascii: "H"):
            let token = signed(rest, #"{"exp":1300819380,"iss":"joe"}"#.utf8, keys.named)
            if take(token, verifier) != nil { headerAllows(rest) }
        case UInt8(ascii: "X"):
            guard let choice = rest.first else { return }
            let known = keys.published[Int(choice) % keys.published.count]
            let token = signed(rest.dropFirst(), #"{"exp":1300819380,"iss":"joe"}"#.utf8, known)
            expect(take(token, verifier) == nil, "what everybody knows is no secret")
        default:
            let token = String(decoding: input, as: UTF8.self)
            if take(token, verifier) != nil { expect(keys.haveSigned(token), "only what a key has signed is taken") }
        }
    }

    /// - Returns: What the token says; nil when it is not taken.
    private static func take(_ token: String, _ verifier: TokenVerifier) -> TokenClaims? {
        do throws(Refusal) {
            let text = try TokenText(token)
            switch try verifier.verify(text, with: TokenKeys.all.set, now: TokenKeys.now) {
            case .valid(let claims): return claims
            case .unknownSigner: return nil
            }
        } catch {
            expect(isPlain(error.description), "a refusal repeats nothing that could end a line or a header")
            return nil
        }
    }

    private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }

    private static func signed(
        _ header: some Sequence<UInt8>, _ claims: some Sequence<UInt8>, _ secret: [UInt8]
    ) -> String {
        let input = Base64URL.encode(header) + "." + Base64URL.encode(claims)
        return input + "." + Base64URL.encode(TokenKeys.hmac(input.utf8, secret))
    }

    // MARK: Beside Foundation's reading of the same

    private struct Header: Decodable {
        let alg: String
        let kid: String?
        let typ: String?
        let crit: [String]?
    }

    /// What Foundation refuses, and RFC 8259 section 8.2 leaves to the reader.
    private static func hasLoneSurrogate(_ bytes: [UInt8]) -> Bool {
        String(decoding: bytes, as: UTF8.self).lowercased().contains("\\ud")
    }

    private static func headerAllows(_ bytes: [UInt8]) {
        guard let header = try? JSONDecoder().decode(Header.self, from: Data(bytes)) else {
            if hasLoneSurrogate(bytes) { return }
            violated("a header that is taken can be read")
        }
        expect(header.alg == "HS256", "the algorithm is that of the key")
        expect(header.kid == nil || header.kid == "k", "the key is the one that is named")
        expect(header.crit == nil, "what must be understood is not passed over")
        let types = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"]
        expect(header.typ.map { types.contains($0.lowercased()) } ?? true, "it is no token for something else")
    }

    private enum OneOrMany: Decodable {
        case texts([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self = .texts(try (try? [container.decode(String.self)]) ?? container.decode([String].self))
        }

        var texts: [String] {
            switch self {
            case .texts(let texts): texts
            }
        }
    }

    private struct Claims: Decodable {
        let exp: Double
        let nbf: Double?
        let iss: String
        let aud: OneOrMany?
    }

    private struct Scope: Decodable {
        let scope: OneOrMany
    }

    private static func claimsAreKept(_ bytes: [UInt8], _ taken: TokenClaims?, isStrict: Bool) {
        let reference = try? JSONDecoder().decode(Claims.self, from: Data(bytes))
        let isGood =
            reference.map { claims in
                TokenKeys.now < claims.exp && (claims.nbf ?? 0) <= TokenKeys.now + 10 && claims.iss == "joe"
                    && (isStrict ? claims.aud?.texts.contains("switchboard") == true : claims.aud == nil)
            } ?? false
        guard let taken else {
            // A member that is null is not there to Foundation; one that is there twice is to nobody else.
            let isPlain = !String(decoding: bytes, as: UTF8.self).contains("null")
            let isRead = (try? JSONDocument(ByteBuffer(bytes: bytes))) != nil
            expect(!isGood || !isPlain || !isRead, "a token that is good is taken")
            return
        }
        expect(
            isGood || reference == nil && hasLoneSurrogate(bytes), "a token is taken only when its claims are good")
        if let grant = try? taken.client(maximumGroups: 3) {
            expect(grant.groups.count <= 3 && grant.labels.count <= 32, "a grant is within the limits")
        }
        if let principal = try? taken.principal() {
            let scope = try? JSONDecoder().decode(Scope.self, from: Data(bytes)).scope.texts
            let words = Set((scope ?? []).flatMap { $0.split(separator: " ").map(String.init) })
            expect(
                principal.scopes.names.allSatisfy(words.contains) || scope == nil && hasLoneSurrogate(bytes),
                "no scope is given that the token does not name")
        }
    }
}

import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct TokenVerifierTests {
    private func reason(
        _ token: String, keys: TokenKeySet? = nil, verifier: TokenVerifier = TokenVerifier()
    ) async throws -> Refusal.Reason? {
        let keys = if let keys { keys } else { try await TestTokens.secretSet() }
        do throws(Refusal) {
            switch try verifier.verify(try TokenText(token), with: keys, now: TestTokens.now) {
            case .valid: return nil
            case .unknownSigner(_, let otherwise): return otherwise.reason
            }
        } catch { return error.reason }
    }

    @Test("The token that the refused ones are made of is taken") func honest() async throws {
        #expect(try await reason(TestTokens.token(#"{"exp":1000001}"#)) == nil)
    }

    @Test(
        "An algorithm that is none, or not one of ours, is refused before anything else",
        arguments: ["none", "None", "NONE", "nOnE", "", "HS384", "RS512", "PS256", "ES256K", "hs256", "HS256 "])
    func algorithms(name: String) async throws {
        let header = #"{"alg":"\#(name)"}"#
        let signed = try await TestTokens.token(#"{"exp":1000001}"#, header: header)
        #expect(try await reason(signed) == .unsupportedAlgorithm)
        let bare = TestTokens.token(header: header, claims: #"{"exp":1000001}"#) { _ in [] }
        #expect(try await reason(bare) == .unsupportedAlgorithm)
    }

    @Test("A token without a signature is malformed, whatever it says of its algorithm") func unsigned() async throws {
        let bare = TestTokens.token(header: #"{"alg":"HS256"}"#, claims: #"{"exp":1000001}"#) { _ in [] }
        #expect(try await reason(bare) == .malformedToken)
    }

    @Test("What is public of an RSA key is no secret to sign with", arguments: [nil, "k1"])
    func confusion(id: String?) async throws {
        let key = try await TestTokens.key(TestTokens.RSA.publicMembers + (id.map { [("kid", $0)] } ?? []))
        let modulus = try #require(Base64URL.decode(TestTokens.RSA.modulus.utf8))
        for secret in [modulus, Array(TestTokens.RSA.modulus.utf8)] {
            let forger = try await TokenKey(id: id, secret: secret)
            let header = id.map { #"{"alg":"HS256","kid":"\#($0)"}"# } ?? #"{"alg":"HS256"}"#
            let token = try TestTokens.token(header: header, claims: #"{"exp":1000001}"#) { try forger.sign($0) }
            let expected: Refusal.Reason = id == nil ? .unknownSigner : .wrongAlgorithm
            #expect(try await reason(token, keys: TokenKeySet([key])) == expected)
        }
    }

    @Test("Keys that a token brings along are not looked at", arguments: ["jwk", "jku", "x5u", "x5c"])
    func ownKeys(member: String) async throws {
        let new = try #require(NewSigningKey(.edDSA))
        let key = try await TokenKey(jwk: try JSONDocument(new.jwk), isPrivate: true)
        let value = member == "jwk" ? String(buffer: new.keySet) : #""https://evil.example/jwks.json""#
        let token = try TestTokens.token(
            header: #"{"alg":"EdDSA","\#(member)":\#(value)}"#, claims: #"{"exp":1000001}"#
        ) { try key.sign($0) }
        #expect(try await reason(token) == .unknownSigner)
    }

    @Test(
        "Times, audience and issuer",
        arguments: [
            (#"{"sub":"c"}"#, Refusal.Reason.missingClaim), (#"{"exp":1000000}"#, .tokenExpired),
            (#"{"exp":-1}"#, .tokenExpired), (#"{"exp":"1000001"}"#, .invalidClaim), (#"{"exp":null}"#, .invalidClaim),
            (#"{"exp":1000001,"nbf":1000011}"#, .tokenNotYetValid),
            (#"{"exp":1000001,"nbf":1e300}"#, .tokenNotYetValid),
            (#"{"exp":1000001,"nbf":"soon"}"#, .invalidClaim),
            (#"{"exp":1000001,"aud":"switchboard"}"#, .wrongAudience),
            (#"{"exp":1000001,"aud":[]}"#, .wrongAudience), (#"{"exp":1000001,"aud":7}"#, .invalidClaim),
            (#"{"exp":1000001,"exp":2000000}"#, .malformedToken), (#"[1]"#, .malformedToken), ("", .malformedToken),
        ])
    func claims(claims: String, expected: Refusal.Reason) async throws {
        #expect(try await reason(TestTokens.token(claims)) == expected)
    }

    @Test("A clock that is a little ahead is forgiven, and no end is too late")
    func allowed() async throws {
        for claims in [#"{"exp":1000001,"nbf":1000010}"#, #"{"exp":1e308,"nbf":-1e308}"#] {
            #expect(try await reason(TestTokens.token(claims)) == nil)
        }
        let token = try TokenText(try await TestTokens.token(#"{"exp":1e308}"#))
        let verdict = try TokenVerifier().verify(token, with: await TestTokens.secretSet(), now: TestTokens.now)
        guard case .valid(let valid) = verdict else { throw Refusal.unknownSigner }
        #expect(valid.expiresAt == 253_402_300_799)
    }

    @Test("A token that would be good for longer than allowed is refused")
    func lifetime() async throws {
        let verifier = TokenVerifier(leeway: 10, maximumLifetime: 3600)
        for (end, expected) in [(1_003_610, nil), (1_003_611, .invalidClaim)] as [(Int, Refusal.Reason?)] {
            #expect(try await reason(TestTokens.token(#"{"exp":\#(end)}"#), verifier: verifier) == expected)
        }
    }

    @Test("Whoever names an audience or an issuer takes no other")
    func named() async throws {
        let verifier = TokenVerifier(audience: "sb", issuer: "https://login.example")
        let cases: [(String, Refusal.Reason?)] = [
            (#""aud":"sb","iss":"https://login.example""#, nil),
            (#""aud":["x","sb"],"iss":"https://login.example""#, nil),
            (#""iss":"https://login.example""#, .missingClaim), (#""aud":"sb""#, .missingClaim),
            (#""aud":"sb2","iss":"https://login.example""#, .wrongAudience),
            (#""aud":"sb","iss":"https://login.example/""#, .wrongIssuer),
            (#""aud":["SB"],"iss":"https://login.example""#, .wrongAudience),
        ]
        for (members, expected) in cases {
            let token = try await TestTokens.token(#"{"exp":1000001,\#(members)}"#)
            #expect(try await reason(token, verifier: verifier) == expected, "\(members)")
        }
    }

    @Test(
        "Headers that ask for something else",
        arguments: [
            (#"{"alg":"HS256","crit":["exp"],"exp":1}"#, Refusal.Reason.unsupportedHeader),
            (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .unsupportedHeader),
            (#"{"alg":"HS256","typ":"logout+jwt"}"#, .unsupportedHeader),
            (#"{"alg":"HS256","typ":1}"#, .unsupportedHeader),
            (#"{"alg":"HS256","kid":7}"#, .malformedToken), (#"{"alg":"HS256","alg":"none"}"#, .malformedToken),
            (#"{"alg":["HS256"]}"#, .malformedToken), (#"{"typ":"JWT"}"#, .malformedToken), ("HS256", .malformedToken),
            (#"{"alg":"HS256","x":1e999}"#, nil), (#"{"alg":"HS256","typ":"at+JWT"}"#, nil),
        ])
    func headers(header: String, expected: Refusal.Reason?) async throws {
        let token = try await TestTokens.token(#"{"exp":1000001}"#, header: header)
        #expect(try await reason(token) == expected)
    }

    @Test("A token has one spelling, and three parts of at most 8 KB")
    func spelling() async throws {
        let token = try await TestTokens.token(#"{"exp":1000001}"#)
        let cases = [
            token + "=", token + ".", "." + token, token.replacingOccurrences(of: ".", with: ".."), token + "\n",
            " " + token, token.replacingOccurrences(of: ".", with: ".\u{0}"), "", "..", "a.b.c",
            String(repeating: "a", count: TokenText.maximumLength + 1),
        ]
        for text in cases { #expect(try await reason(text) == .malformedToken, "\(text.prefix(80))") }
    }

    @Test("A token names its key, and another of the same name does not count")
    func names() async throws {
        let (first, second) = try (#require(NewSigningKey(.edDSA)), #require(NewSigningKey(.edDSA)))
        let sets = try await [
            TokenKeySet.reading(first.keySet, allowsSecrets: false),
            TokenKeySet.reading(second.keySet, allowsSecrets: false),
        ]
        let (old, new) = (sets[0].keys, sets[1].keys)
        let token = try await TokenSigner(second.jwk).sign(ByteBuffer(string: #"{"exp":1000001}"#))
        #expect(try await reason(token, keys: TokenKeySet(old)) == .unknownSigner)
        #expect(try await reason(token, keys: TokenKeySet(old + new)) == nil)
        // Without a name all of the algorithm are tried.
        let key = try await TokenKey(jwk: try JSONDocument(second.jwk), isPrivate: true)
        let nameless = try TestTokens.token(header: #"{"alg":"Ed25519"}"#, claims: #"{"exp":1000001}"#) {
            try key.sign($0)
        }
        #expect(try await reason(nameless, keys: TokenKeySet(old + new)) == nil)
        #expect(try await reason(nameless, keys: TokenKeySet(old)) == .wrongSignature)
    }

    @Test("A secret without a name verifies what is named, and says so when the signature is wrong")
    func unnamedSecret() async throws {
        let token = try await TestTokens.token(#"{"exp":1000001}"#, header: #"{"alg":"HS256","kid":"x"}"#)
        #expect(try await reason(token) == nil)
        let other = TokenKeySet([try await TokenKey(id: nil, secret: [UInt8](repeating: 7, count: 32))])
        #expect(try await reason(token, keys: other) == .wrongSignature)
    }

    @Test("Nothing of a token is in what is said of it") func secrets() async throws {
        let mark = "c2VjcmV0\r\nX-Evil: 1"
        let tokens = [
            mark, "\(mark).\(mark).\(mark)",
            try await TestTokens.token(#"{"exp":1000001,"aud":"secret"}"#, header: #"{"alg":"HS256","kid":"secret"}"#),
        ]
        for token in tokens {
            let keys = try await TestTokens.secretSet()
            do throws(Refusal) {
                _ = try TokenVerifier().verify(try TokenText(token), with: keys, now: TestTokens.now)
                Issue.record("a token was taken")
            } catch {
                let said = error.description + (error.challenge ?? "")
                #expect(!said.contains("secret") && !said.contains("c2Vj") && !said.contains { $0.isNewline })
            }
        }
    }
}

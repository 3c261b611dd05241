import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// The published examples, so that what is verified here is what others sign.
@Suite struct TokenVectorTests {
    /// RFC 7515, appendix A: a second before its `exp`.
    private static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let key: [(String, String)]
        let header: String
        var claims = TokenVectorTests.claims
        let signature: String

        var token: String { "\(header).\(claims).\(signature)" }
    }

    static let vectors = [
        Vector(
            testDescription: "HS256 (RFC 7515 A.1)",
            key: [
                ("kty", "oct"),
                ("k", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
            ],
            header: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        Vector(
            testDescription: "RS256 (RFC 7515 A.2)",
            key: [
                ("kty", "RSA"), ("e", "AQAB"),
                (
                    "n",
                    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
                        + "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb"
                        + "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK"
                        + "-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
                ),
            ],
            header: "eyJhbGciOiJSUzI1NiJ9",
            signature: "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
                + "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
                + "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgG"
                + "Y9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"),
        Vector(
            testDescription: "ES256 (RFC 7515 A.3)",
            key: [
                ("kty", "EC"), ("crv", "P-256"), ("x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                ("y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
            ],
            header: "eyJhbGciOiJFUzI1NiJ9",
            signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        Vector(
            testDescription: "EdDSA (RFC 8037 A.4)",
            key: [("kty", "OKP"), ("crv", "Ed25519"), ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")],
            header: "eyJhbGciOiJFZERTQSJ9", claims: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
    ]

    @Test("Published signatures are right, and wrong with any byte changed", arguments: vectors)
    func published(vector: Vector) async throws {
        let key = try await TestTokens.key(vector.key)
        let token = try TokenText(vector.token)
        #expect(key.verifies(token))
        let bytes = try #require(Base64URL.decode(vector.signature.utf8))
        for index in [0, bytes.count / 2, bytes.count - 1] {
            var changed = bytes
            changed[index] ^= 1
            let forged = try TokenText("\(vector.header).\(vector.claims).\(Base64URL.encode(changed))")
            #expect(!key.verifies(forged))
        }
        for length in [1, bytes.count - 1] {
            let cut = Base64URL.encode(bytes.prefix(length))
            #expect(!key.verifies(try TokenText("\(vector.header).\(vector.claims).\(cut)")))
        }
        let other = Base64URL.encode(Array(#"{"exp":9999999999}"#.utf8))
        #expect(!key.verifies(try TokenText("\(vector.header).\(other).\(vector.signature)")))
    }

    @Test("A published token is valid until the second it says, and not a moment longer", arguments: vectors.prefix(3))
    func expiry(vector: Vector) async throws {
        let keys = TokenKeySet([try await TestTokens.key(vector.key)])
        let token = try TokenText(vector.token)
        let verdict = try TokenVerifier().verify(token, with: keys, now: 1_300_819_379.9)
        guard case .valid(let claims) = verdict else { throw Refusal.unknownSigner }
        #expect(claims.expiresAt == 1_300_819_380)
        #expect(claims.issuer == "joe")
        let late = refusal { () throws(Refusal) in
            try TokenVerifier().verify(token, with: keys, now: 1_300_819_380)
        }
        #expect(late == .tokenExpired)
    }

    @Test("What we sign we verify, with the key made for it and no other", arguments: TokenAlgorithm.allCases)
    func roundTrip(algorithm: TokenAlgorithm) async throws {
        let claims = ByteBuffer(string: #"{"sub":"c","exp":2000000}"#)
        let (jwk, set) = try Self.pair(algorithm)
        let token = try TokenText(try await TokenSigner(jwk).sign(claims))
        #expect(token.algorithm == algorithm)
        let keys = try await TokenKeySet.reading(set, allowsSecrets: true)
        #expect(keys.remarks.isEmpty)
        let verdict = try TokenVerifier().verify(token, with: TokenKeySet(keys.keys), now: TestTokens.now)
        guard case .valid(let valid) = verdict else { throw Refusal.unknownSigner }
        #expect(try valid.client(maximumGroups: 0).client == ClientID(unchecked: "c"))
        for other in TokenAlgorithm.allCases where other != algorithm {
            let (_, set) = try Self.pair(other)
            let others = try await TokenKeySet.reading(set, allowsSecrets: true)
            #expect(others.keys.allSatisfy { !$0.verifies(token) })
        }
    }

    private static func pair(_ algorithm: TokenAlgorithm) throws -> (jwk: ByteBuffer, set: ByteBuffer) {
        if let new = NewSigningKey(algorithm) { return (new.jwk, new.keySet) }
        let members = TestTokens.RSA.publicMembers
        let set = JSONObjectWriter.document { json in
            json.list("keys", [members]) { json, members in
                for (name, value) in members { json.string(named: name, value) }
            }
        }
        return (TestTokens.document(members + [("d", TestTokens.RSA.exponent)]), set)
    }
}

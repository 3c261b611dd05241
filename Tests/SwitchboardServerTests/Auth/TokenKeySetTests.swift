import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct TokenKeySetTests {
    private let ec =
        #""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
        + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#

    @Test("Keys that are for something else are passed over, and the others are taken") func mixed() async throws {
        let others = [
            #"{\#(ec),"use":"enc"}"#, #"{\#(ec),"key_ops":["sign"]}"#, #"{\#(ec),"alg":"ES384"}"#,
            #"{\#(ec),"alg":"HS256"}"#, #"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#, #"{"kty":"quantum"}"#, "7",
            "{}",
            #"{"kty":"oct","k":"c2hvcnQ"}"#, #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{\#(ec),"kid":7}"#,
            #"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#, #"{"kty":"RSA","n":"","e":""}"#,
        ]
        let text =
            #"{"keys":[\#(others.joined(separator: ",")),{\#(ec),"kid":"good","alg":"ES256","use":"sig","x5c":[1]}]}"#
        let (keys, remarks) = try await TokenKeySet.reading(ByteBuffer(string: text), allowsSecrets: true)
        #expect(keys.map(\.id) == ["good"])
        #expect(keys.map(\.algorithm) == [.es256])
        #expect(remarks.count == others.count)
        #expect(!remarks.joined().contains("c2hvcnQ"))
    }

    @Test(
        "What is no set, or one without use",
        arguments: [
            "", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[{"kty":"quantum"}]}"#,
            #"{"keys":[],"keys":[]}"#, "<html>",
        ])
    func useless(text: String) async {
        await #expect(throws: TokenKey.Fault.self) {
            try await TokenKeySet.reading(ByteBuffer(string: text), allowsSecrets: true)
        }
    }

    @Test("A set has a hundred keys at most") func limit() async throws {
        func set(_ count: Int) -> ByteBuffer {
            ByteBuffer(string: #"{"keys":[\#(Array(repeating: "{\(ec)}", count: count).joined(separator: ","))]}"#)
        }
        #expect(try await TokenKeySet.reading(set(100), allowsSecrets: true).keys.count == 100)
        await #expect(throws: TokenKey.Fault.self) { try await TokenKeySet.reading(set(101), allowsSecrets: true) }
    }

    @Test("A secret is taken from a file, but not from where everybody can fetch it") func secrets() async throws {
        let set = try #require(NewSigningKey(.hs256)).keySet
        #expect(try await TokenKeySet.reading(set, allowsSecrets: true).keys.map(\.algorithm) == [.hs256])
        await #expect(throws: TokenKey.Fault.self) { try await TokenKeySet.reading(set, allowsSecrets: false) }
    }

    @Test("A short secret is none") func short() async throws {
        _ = try await TokenKey(id: nil, secret: [UInt8](repeating: 1, count: 32))
        await #expect(throws: TokenKey.Fault.self) {
            try await TokenKey(id: nil, secret: [UInt8](repeating: 1, count: 31))
        }
    }

    @Test("The private part of a key in a set is passed over, and a public key signs nothing") func publicOnly()
        async throws
    {
        let jwk = try JSONDocument(try #require(NewSigningKey(.es256)).jwk)
        let verifying = try await TokenKey(jwk: jwk)
        #expect(throws: TokenKey.Fault.self) { try verifying.sign([1, 2, 3]) }
        #expect(try await TokenKey(jwk: jwk, isPrivate: true).sign([1, 2, 3]).count == 64)
    }

    @Test(
        "Where a set comes from",
        arguments: [
            ("/etc/keys.json", KeySetSource.file("/etc/keys.json"), false), ("keys.json", .file("keys.json"), false),
            ("https://a.example/jwks", .url("https://a.example/jwks"), false),
            ("http://a.example/jwks", .url("http://a.example/jwks"), true),
            ("http://127.0.0.1:1/jwks", .url("http://127.0.0.1:1/jwks"), false),
        ])
    func sources(text: String, expected: KeySetSource, isOpen: Bool) throws {
        let source = try #require(KeySetSource(text))
        #expect(source == expected)
        #expect(source.isOpenToOthers == isOpen)
        #expect(source.allowsSecrets == (source == .file(text)))
        for wrong in ["", "https://", "http:///jwks"] { #expect(KeySetSource(wrong) == nil) }
    }
}

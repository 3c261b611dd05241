import Crypto
import Dispatch
import Foundation
import NIOCore
import SwitchboardProtocol
import Synchronization

@testable import SwitchboardServer

/// Keys of every algorithm, and all that was ever signed with those whose private part is not here.
struct TokenKeys: Sendable {
    /// A second before the published tokens end.
    static let now = 1_300_819_379.0

    let set: TokenKeySet
    /// The secret of the key `k`.
    let named = Array("a secret that only the fuzzer has".utf8)
    /// The secret of RFC 7515 A.1, of a key without a name.
    let unnamed: [UInt8]
    /// What everybody may know of the other keys.
    let published: [[UInt8]]
    /// The signing inputs of the published tokens.
    let inputs: Set<String> = [
        "eyJhbGciOiJSUzI1NiJ9." + claims, "eyJhbGciOiJFUzI1NiJ9." + claims,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    ]

    private static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    private static let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    /// RFC 7515 A.2.
    private static let modulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
        + "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb"
        + "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK"
        + "-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    /// RFC 7515 A.3.
    private static let point = (
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    )
    /// RFC 8037 A.2.
    private static let edwards = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

    init() async throws {
        let unnamed = expected(Base64URL.decode(Self.secret.utf8), "the published secret is base64url")
        let jwks = [
            #"{"kty":"RSA","kid":"r","e":"AQAB","n":"\#(Self.modulus)"}"#,
            #"{"kty":"EC","kid":"e","crv":"P-256","x":"\#(Self.point.x)","y":"\#(Self.point.y)"}"#,
            #"{"kty":"OKP","crv":"Ed25519","x":"\#(Self.edwards)"}"#,
        ]
        var keys = [try await TokenKey(id: "k", secret: named), try await TokenKey(id: nil, secret: unnamed)]
        for jwk in jwks { keys.append(try await TokenKey(jwk: try JSONDocument(ByteBuffer(string: jwk)))) }
        set = TokenKeySet(keys)
        self.unnamed = unnamed
        let texts = [Self.modulus, Self.point.x, Self.point.y, Self.edwards]
        published =
            texts.map { Array($0.utf8) } + texts.compactMap { Base64URL.decode($0.utf8) } + jwks.map { Array($0.utf8) }
    }

    /// Made at once, though making keys is asynchronous.
    static let all: TokenKeys = {
        let made = Made()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            do { try await made.set(TokenKeys()) } catch { violated("keys can be made: \(error)") }
            done.signal()
        }
        done.wait()
        return expected(made.keys.withLock { $0 }, "keys were made")
    }()

    private final class Made: Sendable {
        let keys = Mutex<TokenKeys?>(nil)
        func set(_ new: TokenKeys) { keys.withLock { $0 = new } }
    }

    static func hmac(_ input: some Sequence<UInt8>, _ secret: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(input), using: SymmetricKey(data: secret)))
    }

    /// Whether one of the keys has signed it, found out apart from what is tested.
    func haveSigned(_ token: String) -> Bool {
        guard let dot = token.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
        let input = token[..<dot]
        if inputs.contains(String(input)) { return true }
        let signature = token[dot...].dropFirst()
        return [named, unnamed].contains { Base64URL.encode(Self.hmac(input.utf8, $0)) == signature }
    }
}

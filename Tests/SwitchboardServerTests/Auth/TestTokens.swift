import NIOCore
import SwitchboardProtocol

@testable import SwitchboardServer

/// Keys and tokens for tests. Their time is 1 000 000.
enum TestTokens {
    static let now = 1_000_000.0
    static let secret = String(repeating: "s", count: 32)

    /// Made for these tests.
    enum RSA {
        static let modulus =
            "ohlSQbqB_bIyGf_E46xrYThiixMWj9gsTko4c9UJwxxc8UhpMcCyMDQdU5zx6a0ZmJPYATMJR45GgAhhzgCPdV3-"
            + "AoXfnCJ1_QWQDjQiDTZtVa1T3M9pPNJEGDXnfIN60pUeZWh0sOMDasLZdpiES2IOXIvUqiYqzKRjtb0BAGCKwu9dqQ"
            + "xm5n2kWA7yqFd8fzrmwT6Fc9IOjVImoOGNHlr8D6owJNgGYsE1UCmEAJ2ft5Xsv-"
            + "IPqMwwVz93DlxgQGUzNsmlSupvpd-BcUDNJaEiXFiByEB7MdtG-B1cZClSuYuJ801LiQ-"
            + "zw9jyx-8iiT8JzdIeu0fy5lh8oag5Cw"
        static let exponent =
            "MHECvPPAnxEemdhufV9sY4xXHpqgtnHyo57Yif0TQsR6Hfz2utCML42TagZP4PZC3O7psUoQLtscxGw81jQiqv9gxl"
            + "49ecpumiOMbkI0HuCyAdWfZzBwkaWAhf-"
            + "t4u7jyISZpdJ2dNoSjlgWZrOjbWerRQrgjcyEI83IomoOH49AhYwN3w8hPWkK5QplIrEBCs3-"
            + "995ErewtYgFi_vBYfqBNN0dzxYoof5mW6CAS7XXDQ7vH8tDnwYnXv_iUIsUrKYHmCYAph16XqDJ_Jw1S1TgCoHpcoZ"
            + "BTGis-XFOrn5lP7OAqx4yCoFL8i_eIyM2qIHXAVBc5ZEE-G5oOcu4syQ"
        static let publicMembers = [("kty", "RSA"), ("n", modulus), ("e", "AQAB")]
    }

    static func buffer(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    static func document(_ members: [(String, String)]) -> ByteBuffer {
        JSONObjectWriter.document { json in
            for (name, value) in members { json.string(named: name, value) }
        }
    }

    static func key(_ members: [(String, String)], isPrivate: Bool = false) async throws -> TokenKey {
        try await TokenKey(jwk: try JSONDocument(document(members)), isPrivate: isPrivate)
    }

    /// A token with just this header and these claims, and a signature over whatever they are.
    static func token(header: String, claims: String, sign: ([UInt8]) throws -> [UInt8]) rethrows -> String {
        let input = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
        return input + "." + Base64URL.encode(try sign(Array(input.utf8)))
    }

    /// A token of ``secret``.
    static func token(_ claims: String, header: String = #"{"alg":"HS256"}"#) async throws -> String {
        let key = try await TokenKey(id: nil, secret: Array(secret.utf8))
        return try token(header: header, claims: claims) { try key.sign($0) }
    }

    static func secretSet() async throws -> TokenKeySet {
        TokenKeySet([try await TokenKey(id: nil, secret: Array(secret.utf8))])
    }
}

/// What is thrown, or nil.
func refusal<Value>(_ body: () throws(Refusal) -> Value) -> Refusal.Reason? {
    do throws(Refusal) { _ = try body() } catch { return error.reason }
    return nil
}

func asyncRefusal<Value>(_ body: () async throws(Refusal) -> Value) async -> Refusal.Reason? {
    do throws(Refusal) { _ = try await body() } catch { return error.reason }
    return nil
}

import Foundation
import Logging
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct AuthenticatorTests {
    private let key = APIKey.random()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func authenticator(
        guarded: Bool = true, load: KeySetLoader? = nil, _ body: (Authenticator) async throws -> Void
    ) async throws {
        let entry = KeyRing.Entry(name: KeyName(unchecked: "shop"), scopes: .push, hash: key.hash, expiresAt: 1_000_001)
        let path = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try KeyFile.add(entry, to: path)
        var configuration = AuthConfiguration()
        if guarded { configuration.keyFile = path }
        let policy = try #require(AccessPolicy(configuration, isLoopback: true, allowAnonymous: false))
        let store = TokenKeyStore(
            fixed: try await TestTokens.secretSet().keys, allowsSecrets: false, interval: 0, load: load, now: { 1 },
            logger: logger)
        try await body(
            Authenticator(
                policy: policy, keys: try KeyFile(path: path), signers: store, verifier: TokenVerifier(),
                maximumGroups: 2, now: { TestTokens.now }))
    }

    private func reason<Value>(_ answer: Authenticator.Answer<Value>) -> Refusal.Reason? {
        guard case .refused(let refusal) = answer else { return nil }
        return refusal.reason
    }

    @Test("Keys and tokens are told apart, and both name a backend") func backends() async throws {
        try await authenticator { authenticator in
            for value in ["Bearer \(key.text)", "bearer \(key.text)", "BEARER  \(key.text)"] {
                let principal = try await authenticator.settled(authenticator.principal([value])) { .known(.anonymous) }
                #expect(principal.name == "shop")
            }
            let token = try await TestTokens.token(#"{"exp":1000001,"sub":"b","scope":"read"}"#)
            let principal = try await authenticator.settled(authenticator.principal(["Bearer \(token)"])) {
                .known(.anonymous)
            }
            #expect(principal == Principal(kind: .token, name: "b", scopes: .read, expiresAt: 1_000_001))
            let client = try await TestTokens.token(#"{"exp":1000001,"sub":"c"}"#)
            #expect(reason(authenticator.principal(["Bearer \(client)"])) == .missingClaim)
        }
    }

    @Test(
        "What is no Authorization is refused",
        arguments: [
            ([], Refusal.Reason.missingCredentials), (["Basic dTpw"], .unsupportedCredentials),
            (["Bearer"], .unsupportedCredentials), (["Bearer "], .unsupportedCredentials),
            ([""], .unsupportedCredentials),
            (["Bearer a b"], .unsupportedCredentials), (["Bearer a", "Bearer a"], .unsupportedCredentials),
            (["Bearer a\u{7}"], .unsupportedCredentials), (["Bearer ä"], .unsupportedCredentials),
            (["Bearer a"], .unknownKey), (["Bearer sbk_"], .unknownKey), (["Bearer a.b.c"], .malformedToken),
        ])
    func headers(values: [String], expected: Refusal.Reason) async throws {
        try await authenticator { #expect(reason($0.principal(values)) == expected) }
    }

    @Test("Where nobody is asked, nobody is refused") func open() async throws {
        try await authenticator(guarded: false) { authenticator in
            guard case .known(let principal) = authenticator.principal([]) else { throw Refusal.missingCredentials }
            #expect(principal == .anonymous)
        }
    }

    @Test("A key is no token of a client, nor a backend's token") func clients() async throws {
        try await authenticator { authenticator in
            #expect(reason(authenticator.client(key.text)) == .malformedToken)
            let backend = try await TestTokens.token(#"{"exp":1000001,"scope":"admin"}"#)
            #expect(reason(authenticator.client(backend)) == .missingClaim)
            let client = try await TestTokens.token(#"{"exp":1000001,"sub":"c","groups":["a","b"]}"#)
            guard case .known(let grant) = authenticator.client(client) else { throw Refusal.malformedToken("") }
            #expect(grant.client == ClientID(unchecked: "c"))
            let many = try await TestTokens.token(#"{"exp":1000001,"sub":"c","groups":["a","b","d"]}"#)
            #expect(reason(authenticator.client(many)) == .invalidClaim)
        }
    }

    @Test("A token of a key that was just published is taken after one fetch") func rotated() async throws {
        let new = try #require(NewSigningKey(.es256))
        let signer = try await TokenSigner(new.jwk)
        let fetches = Box<Int>()
        let load: KeySetLoader = { () async throws(TokenKey.Fault) in
            fetches.add(1)
            return new.keySet
        }
        try await authenticator(load: load) { authenticator in
            let token = try signer.sign(ByteBuffer(string: #"{"exp":1000001,"sub":"c"}"#))
            guard case .waits = authenticator.client(token) else { throw Refusal.unknownSigner }
            let grant = try await authenticator.settled(authenticator.client(token)) { authenticator.client(token) }
            #expect(grant.client == ClientID(unchecked: "c"))
            guard case .known = authenticator.client(token) else { throw Refusal.unknownSigner }
            #expect(fetches.list.count == 1)
            let other = try await TokenSigner(try #require(NewSigningKey(.es256)).jwk)
            let forged = try other.sign(ByteBuffer(string: #"{"exp":1000001,"sub":"c"}"#))
            let reason = await asyncRefusal { () async throws(Refusal) in
                try await authenticator.settled(authenticator.client(forged)) { authenticator.client(forged) }
            }
            #expect(reason == .signersUnavailable)
            #expect(fetches.list.count == 1)
        }
    }

    @Test("A backend's token that was taken once is refused when its key is gone, and when it has ended")
    func forgotten() async throws {
        let (old, new) = try (#require(NewSigningKey(.edDSA)), #require(NewSigningKey(.edDSA)))
        let sets = Box<ByteBuffer>()
        sets.add(old.keySet)
        let load: KeySetLoader = { () async throws(TokenKey.Fault) in sets.list.last ?? ByteBuffer() }
        let token = try await TokenSigner(old.jwk).sign(ByteBuffer(string: #"{"exp":1000001,"scope":"push"}"#))
        try await authenticator(load: load) { authenticator in
            await authenticator.signers?.refresh()
            for _ in 0..<2 {
                guard case .known = authenticator.principal(["Bearer \(token)"]) else { throw Refusal.unknownSigner }
            }
            sets.add(new.keySet)
            await authenticator.signers?.refresh()
            guard case .waits = authenticator.principal(["Bearer \(token)"]) else { throw Refusal.tokenExpired }
        }
    }
}

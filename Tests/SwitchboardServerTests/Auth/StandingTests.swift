import Foundation
import Logging
import NIOCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardServer

/// Callers that come again, or stay.
@Suite struct StandingTests {
    private final class Clock: Sendable {
        let seconds = Mutex(TestTokens.now)
        func advance(to time: Double) { seconds.withLock { $0 = time } }
    }

    private struct Scene {
        let authenticator: Authenticator
        let path: String
        let key: APIKey
        let clock: Clock

        func replaceKey(scopes: Scopes?) throws {
            try KeyFile.remove(KeyName(unchecked: "shop"), from: path)
            if let scopes {
                try KeyFile.add(
                    KeyRing.Entry(name: KeyName(unchecked: "shop"), scopes: scopes, hash: key.hash), to: path)
            }
            try authenticator.keys?.reload()
        }

        func standing(_ authorization: String, _ access: RouteAccess) throws -> Standing {
            let version = authenticator.version
            guard case .known(let principal) = authenticator.principal([authorization]) else {
                throw Refusal.missingCredentials
            }
            return Standing(
                authenticator, principal, showing: [authorization], access: access, version: version)
        }

        func asked(_ authorization: String, _ last: inout LastCaller) -> String {
            Array(authorization.utf8).withUnsafeBytes { bytes in
                switch authenticator.principal(bytes, last: &last) {
                case .known(let principal): principal.scopes.description
                case .refused(let refusal): refusal.reason.rawValue
                case .waits: "waits"
                }
            }
        }
    }

    private func scene(_ body: (Scene) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (key, clock) = (APIKey.random(), Clock())
        try KeyFile.add(
            KeyRing.Entry(name: KeyName(unchecked: "shop"), scopes: .push, hash: key.hash, expiresAt: 1_000_100),
            to: path)
        let signers = TokenKeyStore(
            fixed: try await TestTokens.secretSet().keys, allowsSecrets: false, interval: 0, load: nil,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let authenticator = Authenticator(
            policy: AccessPolicy(guardsAPI: true, guardsClients: true), keys: try KeyFile(path: path), signers: signers,
            verifier: TokenVerifier(), maximumGroups: 0, now: { clock.seconds.withLock { $0 } })
        let scene = Scene(authenticator: authenticator, path: path, key: key, clock: clock)
        try await body(scene)
    }

    @Test("Who is remembered on a connection is still asked when keys change, and when its time is over")
    func remembered() async throws {
        try await scene { scene in
            var last = LastCaller()
            let shown = "Bearer \(scene.key.text)"
            for _ in 0..<2 { #expect(scene.asked(shown, &last) == "push") }
            #expect(scene.asked("Bearer \(scene.key.text.dropLast())x", &last) == "unknown_key")
            #expect(scene.asked("", &last) == "unsupported_credentials")
            #expect(scene.asked(shown, &last) == "push")
            try scene.replaceKey(scopes: .read)
            #expect(scene.asked(shown, &last) == "read")
            try scene.replaceKey(scopes: nil)
            #expect(scene.asked(shown, &last) == "unknown_key")
            let token = "Bearer " + (try await TestTokens.token(#"{"exp":1000050,"scope":"read"}"#))
            for _ in 0..<2 { #expect(scene.asked(token, &last) == "read") }
            scene.clock.advance(to: 1_000_050)
            #expect(scene.asked(token, &last) == "token_expired")
        }
    }

    @Test("Who stays is in good standing until its key is gone or has another scope") func keys() async throws {
        try await scene { scene in
            let pusher = try scene.standing("Bearer \(scene.key.text)", .backends(.push))
            #expect(pusher.principal.name == "shop")
            #expect(pusher.refusal == nil)
            try scene.replaceKey(scopes: [.push, .read])
            #expect(pusher.refusal == nil)
            #expect(pusher.principal.scopes == [.push, .read])
            try scene.replaceKey(scopes: .read)
            for _ in 0..<2 { #expect(pusher.refusal?.reason == .insufficientScope) }
            try scene.replaceKey(scopes: nil)
            #expect(pusher.refusal?.reason == .unknownKey)
        }
    }

    @Test("... or its time is over") func ends() async throws {
        try await scene { scene in
            let key = try scene.standing("Bearer \(scene.key.text)", .backends(.push))
            let token = try await TestTokens.token(#"{"exp":1000050,"scope":"read"}"#)
            let reader = try scene.standing("Bearer \(token)", .backends(.read))
            #expect(key.refusal == nil && reader.refusal == nil)
            scene.clock.advance(to: 1_000_050)
            #expect(reader.refusal?.reason == .tokenExpired)
            #expect(key.refusal == nil)
            scene.clock.advance(to: 1_000_100)
            #expect(key.refusal?.reason == .keyExpired)
        }
    }

    @Test("Refusals are counted by kind and reason, and all are there from the start") func tally() {
        let tally = AuthTally()
        tally.count(.unknownKey, of: .backend)
        tally.count(.unknownKey, of: .backend)
        tally.count(.unknownKey, of: .client)
        #expect(tally[.backend, .unknownKey] == 2 && tally[.client, .unknownKey] == 1)
        #expect(tally[.client, .keyExpired] == 0)
        #expect(tally.samples.count == 2 * Refusal.Reason.allCases.count)
    }
}

import Logging
import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Keys for tokens that change while sessions are open which they have let in. On one actor, since a loop of a test belongs to
/// one thread.
@MainActor @Suite struct SessionSignerTests {
    private static let secrets = ["o", "n"].map { [UInt8](repeating: $0.utf8.first ?? 0, count: 32) }

    private let published = Box<[(id: String, secret: [UInt8])]>()
    private let store: TokenKeyStore
    private let test: TestNode

    init() {
        store = TokenKeyStore(
            fixed: [], allowsSecrets: true, interval: 0,
            load: { [published] () async throws(TokenKey.Fault) in
                let keys = (published.list.last ?? []).map {
                    #"{"kty":"oct","kid":"\#($0.id)","k":"\#(Base64URL.encode($0.secret))"}"#
                }
                return ByteBuffer(string: #"{"keys":[\#(keys.joined(separator: ","))]}"#)
            }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        test = TestNode(
            authenticator: Authenticator(
                policy: AccessPolicy(guardsAPI: true, guardsClients: true), keys: nil, signers: store,
                verifier: TokenVerifier(), maximumGroups: 100, now: { TestTokens.now }))
    }

    private func publish(_ keys: (id: String, secret: [UInt8])...) async {
        published.add(keys)
        await store.refresh()
    }

    private func token(_ client: String, _ id: String, _ secret: [UInt8]) async throws -> String {
        let key = try await TokenKey(id: id, secret: secret)
        return try TestTokens.token(
            header: #"{"alg":"HS256","kid":"\#(id)"}"#, claims: #"{"sub":"\#(client)","exp":4000000000}"#
        ) { try key.sign($0) }
    }

    private func open(_ client: String, _ id: String, _ secret: [UInt8]) async throws -> TestConnection {
        let connection = try TestConnection(
            test, "/ws?clientId=\(client)", isFramed: false, token: try await token(client, id, secret))
        try #require(connection.session.phase == .open)
        return connection
    }

    /// All the time that it takes to close those whose key is gone.
    private func pass() { test.loop.advanceTime(by: .milliseconds(Int64(Shard.signersSpread * 1000) + 1100)) }

    private func stop() {
        test.node.stop()
        test.loop.run()
    }

    @Test("The sessions of a key that is taken out are closed, the others are not") func takenOut() async throws {
        let (old, new) = (Self.secrets[0], Self.secrets[1])
        await publish(("old", old), ("new", new))
        test.node.start()
        let (going, staying) = (try await open("a", "old", old), try await open("b", "new", new))
        await publish(("new", new), ("old", old))
        pass()
        #expect(going.session.phase == .open, "the set is the same")
        await publish(("new", new))
        pass()
        #expect(going.session.phase != .open)
        #expect(test.presence(of: "a")?.closeCode == 4105)
        #expect(staying.session.phase == .open)
        try going.drop()
        try staying.drop()
        stop()
    }

    @Test("So are those of a key that has become another under the same name, and not of one that got another name")
    func changed() async throws {
        let (old, new) = (Self.secrets[0], Self.secrets[1])
        await publish(("k", old), ("l", new))
        test.node.start()
        let (going, staying) = (try await open("a", "k", old), try await open("b", "l", new))
        await publish(("k", new))
        pass()
        #expect(going.session.phase != .open)
        #expect(staying.session.phase == .open)
        try going.drop()
        try staying.drop()
        stop()
    }

    @Test("A set that cannot be had ends nothing") func notToBeHad() async throws {
        await publish(("old", Self.secrets[0]))
        test.node.start()
        let connection = try await open("a", "old", Self.secrets[0])
        await publish()
        #expect(store.fault != nil)
        pass()
        #expect(connection.session.phase == .open)
        try connection.drop()
        stop()
    }

    @Test("Who is let in while its key is taken out does not stay") func meanwhile() async throws {
        let (old, new) = (Self.secrets[0], Self.secrets[1])
        await publish(("old", old), ("new", new))
        let connection = try TestConnection(
            test, "/ws?clientId=a&hello=1", token: try await token("a", "old", old))
        await publish(("new", new))
        try connection.receive(#"{"type":"hello"}"#)
        #expect(connection.session.phase == .closing)
        #expect(test.presence(of: "a")?.closeCode == 4105)
        try connection.drop()
        stop()
    }
}

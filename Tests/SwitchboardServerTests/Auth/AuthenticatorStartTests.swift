import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct AuthenticatorStartTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func inFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func start(_ change: (inout ServerConfiguration) -> Void) async throws -> Authenticator {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        change(&configuration)
        return try await Authenticator.starting(configuration, http: .shared, logger: logger)
    }

    private func grant(_ authenticator: Authenticator, _ token: String) -> ClientGrant? {
        guard case .known(let grant) = authenticator.client(token) else { return nil }
        return grant
    }

    @Test("Keys and sets are read at the start, and again on demand; what is wrong then changes nothing")
    func reload() async throws {
        try await inFolder { folder in
            let (keys, set) = (folder.appending(path: "keys").path, folder.appending(path: "jwks.json"))
            let (key, later) = (APIKey.random(), APIKey.random())
            try KeyFile.add(KeyRing.Entry(name: KeyName(unchecked: "a"), scopes: .push, hash: key.hash), to: keys)
            let (old, new) = try (#require(NewSigningKey(.edDSA)), #require(NewSigningKey(.es256)))
            let tokens = try await [old, new].asyncMap { signing in
                try await TokenSigner(signing.jwk).sign(ByteBuffer(string: #"{"exp":4000000000,"sub":"c"}"#))
            }
            try Data(old.keySet.readableBytesView).write(to: set)
            let authenticator = try await start { configuration in
                configuration.host = "0.0.0.0"
                configuration.auth.keyFile = keys
                configuration.auth.tokenKeys = set.path
            }
            #expect(grant(authenticator, tokens[0]) != nil)
            #expect(grant(authenticator, tokens[1]) == nil)
            try Data(new.keySet.readableBytesView).write(to: set)
            try KeyFile.add(KeyRing.Entry(name: KeyName(unchecked: "b"), scopes: .read, hash: later.hash), to: keys)
            await authenticator.reload(logger: logger)
            #expect(grant(authenticator, tokens[0]) == nil)
            #expect(grant(authenticator, tokens[1]) != nil)
            #expect(authenticator.keys?.keys.entries.count == 2)
            try Data("nonsense".utf8).write(to: set)
            try Data("nonsense".utf8).write(to: URL(filePath: keys))
            await authenticator.reload(logger: logger)
            #expect(grant(authenticator, tokens[1]) != nil)
            #expect(authenticator.keys?.keys.entries.count == 2)
            for broken in [keys, set.path] {
                await #expect(throws: ServerConfiguration.Problem.self) {
                    try await start { configuration in
                        configuration.auth.tokenSecrets = [TestTokens.secret]
                        if broken == keys { configuration.auth.keyFile = keys }
                        if broken == set.path { configuration.auth.tokenKeys = set.path }
                    }
                }
            }
        }
    }

    @Test("A secret alone will do") func secret() async throws {
        let authenticator = try await start { $0.auth.tokenSecrets = [TestTokens.secret] }
        let token = try await TestTokens.token(#"{"exp":4000000000,"sub":"c"}"#)
        #expect(grant(authenticator, token)?.client == ClientID(unchecked: "c"))
    }

    @Test("A set that cannot be fetched does not stop the start; nobody is refused for good until it is there")
    func unreachable() async throws {
        let authenticator = try await start { $0.auth.tokenKeys = "http://127.0.0.1:1/jwks.json" }
        let signing = try #require(NewSigningKey(.edDSA))
        let token = try await TokenSigner(signing.jwk).sign(ByteBuffer(string: #"{"exp":4000000000,"sub":"c"}"#))
        let reason = await asyncRefusal { () async throws(Refusal) in
            try await authenticator.settled(authenticator.client(token)) { authenticator.client(token) }
        }
        #expect(reason == .signersUnavailable)
    }

    @Test("Open to other machines without credentials is refused, unless somebody says so") func open() async throws {
        await #expect(throws: ServerConfiguration.Problem.self) { try await start { $0.host = "0.0.0.0" } }
        let anonymous = try await start { configuration in
            configuration.host = "0.0.0.0"
            configuration.allowAnonymous = true
        }
        #expect(!anonymous.policy.guardsAPI && !anonymous.policy.guardsClients)
        #expect(try await !start { $0.host = "127.0.0.1" }.policy.guardsAPI)
    }
}

extension Array {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}

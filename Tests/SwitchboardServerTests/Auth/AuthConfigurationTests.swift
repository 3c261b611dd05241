import Foundation
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct AuthConfigurationTests {
    private func configuration(keys: Bool = false, tokens: Bool = false) -> AuthConfiguration {
        var configuration = AuthConfiguration()
        if keys { configuration.keyFile = "keys" }
        if tokens { configuration.tokenKeys = "jwks.json" }
        return configuration
    }

    @Test("Of whom credentials are asked") func policies() {
        func policy(_ keys: Bool, _ tokens: Bool, loopback: Bool, anonymous: Bool) -> String? {
            AccessPolicy(
                configuration(keys: keys, tokens: tokens), isLoopback: loopback, allowAnonymous: anonymous
            ).map { "\($0.guardsAPI) \($0.guardsClients)" }
        }
        for anonymous in [false, true] {
            #expect(policy(false, false, loopback: true, anonymous: anonymous) == "false false")
            for (keys, tokens) in [(true, false), (false, true), (true, true)] {
                for loopback in [false, true] {
                    #expect(
                        policy(keys, tokens, loopback: loopback, anonymous: anonymous) == "true \(!anonymous)")
                }
            }
        }
        #expect(policy(false, false, loopback: false, anonymous: true) == "false false")
        #expect(policy(false, false, loopback: false, anonymous: false) == nil)
    }

    @Test("What does nothing, or keeps everybody out, is a mistake") func contradictions() throws {
        try configuration().validate(allowAnonymous: false)
        try configuration(keys: true, tokens: true).validate(allowAnonymous: false)
        try configuration(keys: true).validate(allowAnonymous: true)
        #expect(throws: ServerConfiguration.Problem.self) {
            try configuration(keys: true).validate(allowAnonymous: false)
        }
        var named = configuration(keys: true)
        named.tokenAudience = "sb"
        #expect(throws: ServerConfiguration.Problem.self) { try named.validate(allowAnonymous: true) }
    }

    private static let samples = [
        "keyFile": "/etc/keys", "tokenSecret": "0123456789abcdef0123456789abcdef",
        "tokenKeys": "https://a.example/jwks",
        "tokenKeysInterval": "1m", "tokenAudience": "sb", "tokenIssuer": "https://a.example", "tokenLeeway": "30s",
        "tokenMaxLifetime": "1h",
        "allowedOrigins": "https://a.example", "joinableGroups": "chat:*",
        "publishGroups": "chat:*",
    ]

    @Test("Every row takes its sample, shows it and refuses nonsense", arguments: Setting.authentication.map(\.name))
    func rows(name: String) throws {
        let setting = try #require(Setting.authentication.first { $0.name == name })
        let sample = try #require(Self.samples[name])
        var settings = NodeSettings()
        try setting.check(settings)
        #expect(setting.isDefault(in: settings))
        try setting.read([sample], key: name, into: &settings)
        try setting.check(settings)
        let shown = try #require(setting.value(in: settings)?.text)
        #expect(shown == (setting.isSecret ? "(hidden)" : sample))
        #expect(!setting.isDefault(in: settings))
        let nonsense =
            ["joinableGroups", "publishGroups"].contains(setting.name)
            ? "a b" : setting.name == "allowedOrigins" ? "nonsense" : ""
        #expect(throws: ServerConfiguration.Problem.self) {
            var settings = NodeSettings()
            try setting.read([nonsense], key: name, into: &settings)
        }
    }

    @Test("A secret that is too short is refused and not repeated, a password in a URL is not shown") func secrets()
        throws
    {
        let secret = try #require(Setting.authentication.first { $0.name == "tokenSecret" })
        let keys = try #require(Setting.authentication.first { $0.name == "tokenKeys" })
        var settings = NodeSettings()
        let problem = #expect(throws: ServerConfiguration.Problem.self) {
            try secret.read(["hunter2"], key: "tokenSecret", into: &settings)
        }
        #expect(problem?.description.contains("hunter2") == false)
        try keys.read(["https://u:hunter2@a.example/jwks"], key: "tokenKeys", into: &settings)
        let value = try #require(keys.value(in: settings))
        #expect(!value.text.contains("hunter2") && !value.isComplete)
    }
}

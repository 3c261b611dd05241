import SwitchboardRedis
import Testing

@testable import SwitchboardServer

/// Secrets come from files of their own, and are shown nowhere.
@Suite struct SecretFilesTests {
    private static let secret = "whsec_Q0FOQVJZLUNBTkFSWS1DQU5BUlktQ0FOQVJZLTE="

    private static func load(
        _ environment: [String: String], flags: [String: [String]] = [:]
    ) throws -> LoadedSettings {
        try LoadedSettings(flags: flags, environment: environment, file: nil)
    }

    @Test func aVariableNamesTheFile() throws {
        try TemporaryFile.with("redis://u:canary@h:7\r\n\n", suffix: "txt") { redis in
            try TemporaryFile.with(Self.secret, suffix: "txt") { secret in
                let loaded = try Self.load([
                    "SWITCHBOARD_REDIS_FILE": redis, "SWITCHBOARD_WEBHOOK_SECRET_FILE": secret,
                    "SWITCHBOARD_WEBHOOK_URL": "http://u:canary@127.0.0.1/?key=canary",
                ])
                #expect(loaded.configuration.redis?.address.password == "canary")
                #expect(loaded.configuration.webhooks.secrets == [Self.secret])
                #expect(loaded.warnings.isEmpty)
                #expect(loaded.lines.contains { $0.hasSuffix("# SWITCHBOARD_REDIS_FILE") })
                let shown = loaded.lines.joined()
                #expect(!shown.contains("canary") && !shown.contains(Self.secret))
            }
        }
    }

    @Test func aFlagWithASecretEarnsAWarning() throws {
        for (name, value, others) in [
            ("redis", "redis://:canary@h", [:]), ("webhookURL", "http://h/?key=canary", [:]),
            ("webhookSecret", Self.secret, ["SWITCHBOARD_WEBHOOK_URL": "http://h"]),
        ] as [(String, String, [String: String])] {
            let warnings = try Self.load(others, flags: [name: [value]]).warnings
            #expect(warnings.count == 1 && warnings[0].contains("it is confidential"), "\(warnings)")
            #expect(!warnings.joined().contains(value))
        }
        #expect(try Self.load([:], flags: ["redis": ["redis://h"], "webhookURL": ["http://h/"]]).warnings.isEmpty)
    }

    @Test func whatIsWrongIsSaidWithoutTheSecret() throws {
        func problem(_ environment: [String: String]) -> String {
            do {
                _ = try Self.load(environment)
                return ""
            } catch { return "\(error)" }
        }
        #expect(problem(["SWITCHBOARD_REDIS_FILE": "/nonexistent/file"]).contains("cannot read '/nonexistent/file'"))
        try TemporaryFile.with("\n\n", suffix: "txt") { path in
            #expect(problem(["SWITCHBOARD_REDIS_FILE": path]).contains("is empty"))
        }
        try TemporaryFile.with(String(repeating: "x", count: 70_000), suffix: "txt") { path in
            #expect(problem(["SWITCHBOARD_REDIS_FILE": path]).contains("more than 65536 bytes"))
        }
        try TemporaryFile.with("redis://:canary@h:bad\n", suffix: "txt") { path in
            let found = problem(["SWITCHBOARD_REDIS_FILE": path])
            #expect(!found.isEmpty && !found.contains("canary"))
            let both = ["SWITCHBOARD_REDIS_FILE": path, "SWITCHBOARD_REDIS": "redis://h"]
            #expect(problem(both).contains("give one of them"))
        }
    }

    @Test func onlySecretsHaveFiles() throws {
        let warnings = try Self.load(["SWITCHBOARD_LOOPS_FILE": "/nonexistent/file"]).warnings
        #expect(warnings.count == 1 && warnings[0].contains("SWITCHBOARD_LOOPS_FILE"))
        #expect(try Self.load(["SWITCHBOARD_REDIS_FILE": ""]).configuration.redis == nil)
    }
}

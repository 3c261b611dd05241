import Logging
import SwitchboardProtocol
import SwitchboardRedis
import Testing

@testable import SwitchboardServer

@Suite struct LoadedSettingsTests {
    @Test func flagsWinOverTheEnvironmentAndBothOverTheFile() throws {
        try TemporaryFile.with("port: 1\nloops: 1\nhistoryLimit: 1\nlogLevel: debug\n", suffix: "yaml") { path in
            let environment = ["SWITCHBOARD_PORT": "2", "SWITCHBOARD_LOOPS": "2", "SWITCHBOARD_CONFIG": path]
            let loaded = try LoadedSettings(flags: ["port": ["3"]], environment: environment, file: nil)
            #expect(loaded.configuration.port == 3)
            #expect(loaded.configuration.loops == 2)
            #expect(loaded.configuration.historyLimit == 1)
            #expect(loaded.configuration.mailboxLimit == 100)
            #expect(loaded.logLevel == .debug)
            #expect(loaded.line("port")?.hasSuffix("# --port") == true)
            #expect(loaded.line("loops")?.hasSuffix("# SWITCHBOARD_LOOPS") == true)
            #expect(loaded.line("historyLimit")?.hasSuffix("# \(path)") == true)
            #expect(loaded.line("mailboxLimit")?.hasSuffix("# default") == true)
            #expect(loaded.warnings.isEmpty)
        }
    }

    @Test func aVariableOfNothingIsNone() throws {
        let loaded = try LoadedSettings(
            flags: [:], environment: ["SWITCHBOARD_REDIS": "", "SWITCHBOARD_PORT": "", "SWITCHBOARD_CONFIG": ""],
            file: nil)
        #expect(loaded.configuration.redis == nil)
        #expect(loaded.configuration.port == 8080)
    }

    @Test func aFlagNamesTheFileBeforeTheEnvironmentDoes() throws {
        try TemporaryFile.with("port: 1\n", suffix: "yaml") { path in
            let loaded = try LoadedSettings(
                flags: [:], environment: ["SWITCHBOARD_CONFIG": "/nonexistent/file"], file: path)
            #expect(loaded.configuration.port == 1)
        }
    }

    @Test func redisIsPutTogetherFromItsSettings() throws {
        let loaded = try LoadedSettings(
            flags: [
                "redis": ["rediss://u:p@h:7/2"], "prefix": ["x"], "routing": ["shared"], "resumeWindow": ["2m"],
                "nodeId": ["n7"],
            ], environment: [:], file: nil)
        let redis = try #require(loaded.configuration.redis)
        #expect(redis.address == (try RedisAddress(url: "rediss://u:p@h:7/2")))
        #expect(redis.prefix.rawValue == "x")
        #expect(redis.routing == .shared)
        #expect(redis.resumeWindow == .seconds(120))
        #expect(loaded.configuration.resumeWindow == 120)
        #expect(redis.node.rawValue == "n7" && loaded.configuration.node.rawValue == "n7")
    }

    @Test func aNodeWithoutANameGetsOneOfItsOwn() throws {
        let names = try (0..<2).map { _ in try LoadedSettings.defaults().configuration.node.rawValue }
        #expect(names[0] != names[1])
    }

    @Test func contradictionsAreRefusedWhereverTheyComeFrom() throws {
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: [:], environment: ["SWITCHBOARD_HOST": "0.0.0.0"], file: nil)
        }
        #expect(problem.description.hasPrefix("host: 0.0.0.0 "))
        _ = try LoadedSettings(
            flags: ["host": ["0.0.0.0"]], environment: ["SWITCHBOARD_ALLOW_ANONYMOUS": "yes"], file: nil)
    }

    // MARK: - What is printed

    @Test func whatIsPrintedCanBeReadAgain() throws {
        let flags = [
            "redis": ["redis://192.0.2.1:7000"], "trustedProxies": ["::1", "10.0.0.0/8"], "heartbeatInterval": ["1.5"],
            "outboundLimit": ["1000"], "nodeId": ["a:b@c"], "diagnostics": ["true"], "mailboxOverflow": ["displace"],
        ]
        let loaded = try LoadedSettings(flags: flags, environment: [:], file: nil)
        try TemporaryFile.with(loaded.lines.joined(separator: "\n"), suffix: "yaml") { path in
            let again = try LoadedSettings(flags: [:], environment: [:], file: path)
            for setting in Setting.all { #expect(again.value(setting.name) == loaded.value(setting.name)) }
            #expect(again.configuration.trustedProxies == loaded.configuration.trustedProxies)
            #expect(again.configuration.heartbeatInterval == 1.5)
        }
    }

    @Test func aPasswordIsNotPrinted() throws {
        let loaded = try LoadedSettings(
            flags: ["redis": ["redis://user:secret@h:1/2"]], environment: [:], file: nil)
        #expect(loaded.value("redis") == "# redis: redis://h:1/2")
        #expect(!loaded.lines.contains { $0.contains("secret") || $0.contains("user") })
    }

    // MARK: - The environment

    @Test(arguments: [
        ("SWITCHBOARD_PROT", "did you mean SWITCHBOARD_PORT?"),
        ("SWITCHBOARD_MAILBOXTTL", "did you mean SWITCHBOARD_MAILBOX_TTL?"),
        ("SWITCHBOARD_MAX_CONECTIONS", "did you mean SWITCHBOARD_MAX_CONNECTIONS?"),
        ("SWITCHBOARD_SOMETHING_ELSE_ENTIRELY", "does nothing"),
    ])
    func aMisspelledVariableIsWorthAWarning(name: String, hint: String) throws {
        let loaded = try LoadedSettings(flags: [:], environment: [name: "1"], file: nil)
        #expect(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].hasPrefix(name) && loaded.warnings[0].hasSuffix(hint), "\(loaded.warnings)")
    }

    @Test(arguments: [
        "SWITCHBOARD_URL", "SWITCHBOARD_BIN", "SWITCHBOARD_PORT_8080_TCP_ADDR", "SWITCHBOARD_SERVICE_HOST", "PATH",
        "switchboard_prot",
    ])
    func theVariablesOfOthersAreNoMistake(name: String) throws {
        #expect(try LoadedSettings(flags: [:], environment: [name: "x"], file: nil).warnings.isEmpty)
    }

    @Test func aServiceNamedSwitchboardDoesNotMoveThePort() throws {
        let environment = ["SWITCHBOARD_PORT": "tcp://10.96.0.7:80", "SWITCHBOARD_SERVICE_HOST": "10.96.0.7"]
        let loaded = try LoadedSettings(flags: [:], environment: environment, file: nil)
        #expect(loaded.configuration.port == 8080)
    }
}

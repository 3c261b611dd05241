import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// Every kind of wrong value stops the start with one line that names the setting, the value and what would be right.
@Suite struct WrongValueTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let wrong: [String]
        let right: [String]
        /// A part of what is told to give instead.
        let advice: String
        var testDescription: String { name }
    }

    private static let rows = [
        Row(
            name: "port", wrong: ["abc", "-1", "65536", "80.5", "0x50", "8 0", "", "true", "99999999999999999999"],
            right: ["0", "1", "65535"], advice: "a port from 0 to 65535"),
        Row(
            name: "outboundPushes", wrong: ["-1", "1.5", "many", "1000000001", "5MB"], right: ["0", "1000000000"],
            advice: "a whole number from 0 to 1000000000"),
        Row(
            name: "inboundLimit", wrong: ["-1", "1.5MB", "64 K", "64TB", "KB", "1025GB", "9999999999999GB"],
            right: ["0", "1", "64kb", "64 KB", "1MB", "2GB", "12B", "1024GB"], advice: "64KB or 1MB"),
        Row(
            name: "heartbeatInterval",
            wrong: ["0", "0.1", "100ms", "-25", "1d1h", "25 hours", "nan", "inf", "1e3", "25h", "s", ".", "1.2.3"],
            right: ["25", "25s", "0.2", "200ms", "1.5m", "24h", "1d", "25 s"], advice: "a time from 200ms to 24h"),
        Row(
            name: "mailboxTTL", wrong: ["0", "500ms", "1.5", "31d", "-1"],
            right: ["1", "1s", "90s", "24h", "30d", "0.5m"],
            advice: "a time from 1s to 30d"),
        Row(
            name: "diagnostics", wrong: ["maybe", "2", "truee"],
            right: ["true", "false", "TRUE", "yes", "no", "on", "off", "1", "0"], advice: "true or false"),
        Row(
            name: "duplicates", wrong: ["oldest", "Newest", "newest,reject"], right: ["newest", "reject"],
            advice: "newest or reject"),
        Row(
            name: "logLevel", wrong: ["loud", "INFO"], right: ["trace", "critical"], advice: "trace, debug, info"),
        Row(
            name: "nodeId", wrong: ["a b", "a/b", "ä", String(repeating: "a", count: 129)],
            right: ["n1", String(repeating: "a", count: 128)], advice: "1 to 128 characters"),
        Row(
            name: "trustedProxies", wrong: ["10.0.0.0/33", "proxy", "10.0.0.1, nginx"],
            right: ["10.0.0.0/8", "10.0.0.1, ::1", "fe80::/10"], advice: "networks such as 10.0.0.0/8"),
        Row(
            name: "alertRules", wrong: ["cpu > 0.9", "a: cpu", "a: cpu => 1", "a: cpu > x", "a: cpu > 1 for ever"],
            right: ["a: cpu > 0.9 for 30 amber, b: offline for 60", "a: state != \"well done\""], advice: "give "),
        Row(name: "host", wrong: [], right: ["localhost", "127.0.0.1", "::1"], advice: ""),
        Row(name: "loops", wrong: ["-1", "1025"], right: ["0", "1024"], advice: "from 0 to 1024"),
    ]

    @Test(arguments: rows)
    private func values(row: Row) throws {
        let setting = try #require(Setting.all.first { $0.name == row.name })
        for text in row.wrong where !text.isEmpty {
            for (key, environment, flags) in [
                (setting.environmentName, [setting.environmentName: text], [:]),
                ("--\(setting.flag)", [:], [row.name: [text]]),
            ] {
                let problem = try #require(throws: ServerConfiguration.Problem.self, "\(text)") {
                    try LoadedSettings(flags: flags, environment: environment, file: nil)
                }
                let line = problem.description
                #expect(line.hasPrefix("\(key): '"))
                #expect(line.contains(row.advice) && line.contains(" is wrong: give "), "\(line)")
                #expect(line.contains((text.split(separator: ", ").last ?? "").prefix(100)), "\(line)")
                #expect(!line.contains("\n"))
            }
        }
        for text in row.right {
            #expect(throws: Never.self, "\(text)") {
                try LoadedSettings(flags: [:], environment: [setting.environmentName: text], file: nil)
            }
        }
    }

    @Test func nothingBehindAFlagIsWrong() {
        for name in ["host", "port", "redis", "logLevel"] {
            #expect(throws: ServerConfiguration.Problem.self, "\(name)") {
                try LoadedSettings(flags: [name: [""]], environment: [:], file: nil)
            }
        }
    }

    @Test func aValueOfManyLinesIsToldInOne() throws {
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(
                flags: ["port": ["80\n81\r\n" + String(repeating: "x", count: 5000)]], environment: [:], file: nil)
        }
        #expect(!problem.description.contains { $0.isNewline })
        #expect(problem.description.count < 300)
    }

    @Test(arguments: [
        ("http://redis", "http"), ("redis:6379", "redis://"), ("redis://user@redis", "password"), ("", "redis://"),
        ("redis://:secret%zz@redis", "hexadecimal"), ("redis://:secret@redis:port", "port"),
    ])
    func aRedisURLNeverShowsItsPassword(url: String, advice: String) throws {
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: ["redis": [url]], environment: [:], file: nil)
        }
        #expect(problem.description.hasPrefix("--redis is wrong: "))
        #expect(problem.description.contains(advice), "\(problem)")
        #expect(!problem.description.contains("secret"))
    }

    @Test func aWrongValueCountsEvenWhenAnotherWins() throws {
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: ["port": ["80"]], environment: ["SWITCHBOARD_PORT": "abc"], file: nil)
        }
        #expect(problem.description.hasPrefix("SWITCHBOARD_PORT: 'abc'"))
    }

    @Test(arguments: ["prefix", "routing"])
    func whatDoesNothingAloneIsRefused(name: String) throws {
        let value = name == "prefix" ? "other" : "shared"
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: [name: [value]], environment: [:], file: nil)
        }
        #expect(problem.description == "\(name) does nothing without redis: give both or neither")
        _ = try LoadedSettings(
            flags: [name: [value]], environment: ["SWITCHBOARD_REDIS": "redis://h"], file: nil)
        // A printed configuration, which has every default in it, can be read again.
        _ = try LoadedSettings(flags: [name: [name == "prefix" ? "sb" : "directed"]], environment: [:], file: nil)
    }
}

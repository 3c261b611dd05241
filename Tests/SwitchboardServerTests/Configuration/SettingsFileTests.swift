import Testing

@testable import SwitchboardServer

@Suite struct SettingsFileTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        let suffix: String
        let text: String
        /// What the problem says behind the file's name; nil when the file is in order.
        let problem: String?
        var testDescription: String { "\(suffix): \(text)" }
    }

    private static let rows = [
        Row(suffix: "yaml", text: "", problem: nil),
        Row(suffix: "yaml", text: "# nothing yet\n\n  # port: 8\n", problem: nil),
        Row(suffix: "yaml", text: "port:\nhost: ~\nredis: null\n", problem: nil),
        Row(suffix: "yml", text: "trustedProxies: []\n", problem: nil),
        Row(suffix: "yaml", text: "trustedProxies: 10.0.0.1, ::1\n", problem: nil),
        Row(suffix: "yaml", text: "prot: 1\n", problem: ": 'prot' is no setting: did you mean 'port'?"),
        Row(
            suffix: "yaml", text: "outbound_limit: 1\n",
            problem: ": 'outbound_limit' is no setting: did you mean 'outboundLimit'?"),
        Row(
            suffix: "yaml", text: "redis:\n  url: redis://h\n",
            problem: ": 'redis.url' is no setting: switchboard serve --print-config shows all there are"),
        Row(suffix: "yaml", text: "port: [8, 9]\n", problem: ": port: '[8, 9]' is wrong: give a port from 0 to 65535"),
        Row(suffix: "yaml", text: "port: true\n", problem: ": port: 'true' is wrong: give a port from 0 to 65535"),
        Row(suffix: "yaml", text: "port: 8\nport: 9\n", problem: ": it is not YAML: "),
        Row(suffix: "yaml", text: "port: [8\nhost: x\n", problem: ": it is not YAML: "),
        Row(suffix: "yaml", text: "- port\n", problem: ": it is not YAML: "),
        Row(suffix: "yaml", text: "just words\n", problem: ": it is not YAML: "),
        Row(
            suffix: "yaml", text: "trustedProxies: [10.0.0.0/8, x]\n",
            problem: ": trustedProxies: 'x' is wrong: give networks such as 10.0.0.0/8"),
        Row(suffix: "yaml", text: "trustedProxies: [[1]]\n", problem: ": it is not YAML: "),
        Row(suffix: "json", text: "{}", problem: nil),
        Row(
            suffix: "json", text: #"{"port": 8, "redis": null, "diagnostics": true, "heartbeatTimeout": 1.5}"#,
            problem: nil),
        Row(suffix: "json", text: #"{"prot": 1}"#, problem: ": 'prot' is no setting: did you mean 'port'?"),
        Row(suffix: "json", text: #"{"unheardOf": null}"#, problem: ": 'unheardOf' is no setting: "),
        Row(suffix: "json", text: #"{"port": true}"#, problem: ": port: 'true' is wrong: give a port from 0 to 65535"),
        Row(suffix: "json", text: #"{"port": {"x": 1}}"#, problem: #": port: '{"x": 1}' is wrong: "#),
        Row(suffix: "json", text: #"{"port": [8]}"#, problem: ": port: '[8]' is wrong: "),
        Row(suffix: "json", text: #"{"diagnostics": 7}"#, problem: ": diagnostics: '7' is wrong: give true or false"),
        Row(suffix: "json", text: "{\n  \"port\": 8,\n  \"port\": 9\n}", problem: ":3:11: it is not JSON: "),
        Row(suffix: "json", text: "{\n  port: 8}", problem: ":2:3: it is not JSON: "),
        Row(suffix: "json", text: "port: 8\n", problem: ":1:1: it is not JSON: "),
        Row(suffix: "json", text: "", problem: ":1:1: it is not JSON: "),
    ]

    @Test(arguments: rows)
    private func files(row: Row) throws {
        try TemporaryFile.with(row.text, suffix: row.suffix) { path in
            do throws(ServerConfiguration.Problem) {
                _ = try LoadedSettings(flags: [:], environment: [:], file: path)
                #expect(row.problem == nil)
            } catch {
                let problem = try #require(row.problem, "\(error)")
                #expect(error.description.hasPrefix(path + problem), "\(error)")
                #expect(!error.description.contains("\n"))
            }
        }
    }

    @Test func anEmptyListTrustsNobody() throws {
        try TemporaryFile.with("trustedProxies: []\n", suffix: "yaml") { path in
            let loaded = try LoadedSettings(flags: [:], environment: [:], file: path)
            #expect(loaded.configuration.trustedProxies.isEmpty)
        }
    }

    @Test(arguments: [("/nonexistent/node.yaml", "No such file"), ("/", "Is a directory")])
    func aFileThatCannotBeRead(path: String, cause: String) throws {
        let problem = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: [:], environment: [:], file: path)
        }
        #expect(problem.description.hasPrefix("--config: cannot read '\(path)': \(cause)"), "\(problem)")
        let other = try #require(throws: ServerConfiguration.Problem.self) {
            try LoadedSettings(flags: [:], environment: ["SWITCHBOARD_CONFIG": path], file: nil)
        }
        #expect(other.description.hasPrefix("SWITCHBOARD_CONFIG: cannot read '\(path)': \(cause)"), "\(other)")
    }
}

import Testing

@testable import SwitchboardServer

@Suite struct ComposeChecksTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        /// Of the service `node`.
        let lines: String
        let states: [String: Finding.State]
        var testDescription: String { lines }
    }

    private static let rows = [
        Row(
            lines: "command: [serve]\nstop_grace_period: 75s\nulimits: {nofile: 65536}",
            states: ["compose.stopGrace": .ok, "compose.descriptors": .ok]),
        Row(
            lines: "command: serve --drain-limit 6s --max-connections=100\nulimits: {nofile: {soft: 400, hard: 500}}",
            states: ["compose.stopGrace": .problem, "compose.descriptors": .ok]),
        Row(
            lines: "command: serve --drain-limit 7s\nstop_grace_period: 1m1.5s\nulimits: {nofile: 1024}",
            states: ["compose.stopGrace": .ok, "compose.descriptors": .problem]),
        Row(
            lines: "command: [serve]\nstop_grace_period: 65s",
            states: ["compose.stopGrace": .problem, "compose.descriptors": .unknown]),
        Row(
            lines: "command: [switchboard, serve]\nenvironment: {SWITCHBOARD_DRAIN_LIMIT: 2m}\nstop_grace_period: 75s",
            states: ["compose.stopGrace": .problem, "compose.descriptors": .unknown]),
        Row(
            lines:
                "command: [serve]\nenvironment: [SWITCHBOARD_DRAIN_LIMIT=10s, OTHER=1, HOME]\nstop_grace_period: 20s",
            states: ["compose.stopGrace": .ok, "compose.descriptors": .unknown]),
        Row(
            lines: "command: [serve]\nenvironment: {SWITCHBOARD_PORT: '${PORT:-80}'}\nstop_grace_period: ${GRACE}",
            states: ["compose.stopGrace": .unknown, "compose.descriptors": .unknown]),
        Row(
            lines:
                "command: [serve, '--redis=${REDIS}', --drain-limit, '$LIMIT', --loops, '2']\nstop_grace_period: 75s",
            states: ["compose.stopGrace": .ok, "compose.descriptors": .unknown]),
        Row(
            lines: "command: [serve]\nenvironment: {SWITCHBOARD_CONFIG: /etc/switchboard.yaml}\nstop_grace_period: 75s",
            states: ["compose.stopGrace": .ok, "compose.descriptors": .unknown]),
        Row(lines: "command: [serve, --drain-limit=soon]", states: ["compose.settings": .problem]),
        Row(lines: "command: [serve, --drian-limit=1]", states: ["compose.settings": .problem]),
        Row(lines: "command: [serve, --host=0.0.0.0]", states: ["compose.settings": .problem]),
        Row(lines: "command: [serve, extra]", states: ["compose.settings": .problem]),
        Row(lines: "command: [redis-server]", states: ["compose": .unknown]),
        Row(lines: "image: nginx", states: ["compose": .unknown]),
    ]

    @Test(arguments: rows)
    private func services(row: Row) throws {
        let indented = row.lines.split(separator: "\n").map { "    \($0)\n" }.joined()
        let text = "services:\n  redis:\n    image: redis\n    ports: [{target: 1}]\n  node:\n\(indented)"
        try TemporaryFile.with(text, suffix: "yaml") { path in
            let findings = ComposeChecks(path: path, settingsFile: nil).findings
            #expect(Dictionary(findings.map { ($0.check, $0.state) }) { $1 } == row.states, "\(findings)")
        }
    }

    @Test func aFileThatIsNoComposeFile() throws {
        try TemporaryFile.with("services: [\n", suffix: "yaml") { path in
            let findings = ComposeChecks(path: path, settingsFile: nil).findings
            #expect(findings.map(\.state) == [.problem])
            #expect(!findings[0].found.contains("\n"))
        }
        #expect(ComposeChecks(path: "/nonexistent", settingsFile: nil).findings.map(\.state) == [.problem])
    }

    @Test func aServiceWithAFileTakesTheOneThatIsGiven() throws {
        try TemporaryFile.with("drainLimit: 3m\n", suffix: "yaml") { settings in
            let text = "services: {node: {command: [serve, --config, /etc/node.yaml], stop_grace_period: 75s}}\n"
            try TemporaryFile.with(text, suffix: "yaml") { path in
                let with = ComposeChecks(path: path, settingsFile: settings).findings
                #expect(with.first { $0.check == "compose.stopGrace" }?.state == .problem)
                let without = ComposeChecks(path: path, settingsFile: nil).findings
                #expect(without.first { $0.check == "compose.stopGrace" }?.state == .ok)
            }
        }
    }

    @Test func flags() throws {
        let reader = try FlagReader([
            "--port=8", "--trusted-proxies", "10.0.0.0/8", "::1", "--diagnostics", "--trusted-proxies=1.2.3.4",
            "--no-allow-anonymous", "--config", "/x", "--drain-limit", "5s",
        ])
        #expect(
            reader.given == [
                "port": ["8"], "trustedProxies": ["10.0.0.0/8", "::1", "1.2.3.4"], "diagnostics": ["true"],
                "allowAnonymous": ["false"], "drainLimit": ["5s"],
            ])
        #expect(reader.namesFile)
    }

    @Test(
        arguments: [
            ("75s", 75.0), ("1m30s", 90), ("1h", 3600), ("1.5s", 1.5), ("1500ms", 1.5), ("2h3m4s", 7384), ("", nil),
            ("75", nil), ("s", nil), ("1m 30s", nil), ("${GRACE}", nil), ("-5s", nil), ("5x", nil),
        ] as [(String, Double?)])
    func durations(text: String, seconds: Double?) {
        #expect(ComposeDuration.parse(text) == seconds)
    }
}

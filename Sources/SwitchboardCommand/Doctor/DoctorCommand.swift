import ArgumentParser
import Foundation
import SwitchboardProtocol
import SwitchboardServer

/// `switchboard doctor`: what a node stands on.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check what a node stands on, and say what to change.",
        discussion: """
            Looks at the limit of open files, Redis (version, settings, clocks of the nodes), with --url at the way from \
            outside (upgrade, client addresses, silence until a heartbeat), and at a compose file. Give it the settings of \
            the nodes, and run it where they run: in their container, as their user. Exit status 1 when something is wrong.
            """)

    @Option(help: "The public URL, through the proxy: http:// or https://.") var url: String?
    @Option(
        help: "For https://: trust the certificates of this PEM file instead of the system's.", completion: .file())
    var ca: String?
    @Option(
        help: "A compose file whose nodes are checked. (default: compose.yaml or docker-compose.yml, if there is one)",
        completion: .file())
    var compose: String?
    @OptionGroup var credentials: KeyOptions
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var settings: SettingOptions

    func run() async throws {
        let loaded = try settings.load()
        try await Output.reporting {
            let outside = try url.map { url throws(Failure) in
                try PublicURLChecks(
                    url: url, key: try credentials.apiKey, ca: ca, trusted: loaded.configuration.trustedProxies)
            }
            let doctor = Doctor(loaded.configuration, composeFile: composeFile, settingsFile: settings.config)
            var findings = loaded.warnings.map { Finding.unknown("settings", $0) }
            findings += await doctor.findings()
            if let outside { findings += await outside.findings() }
            try json ? Self.printJSON(findings) : Self.printLines(findings)
            if findings.contains(where: { $0.state == .problem }) { throw ExitCode.failure }
        }
    }

    private var composeFile: String? {
        if let compose { return compose }
        let usual = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]
        return usual.first { FileManager.default.fileExists(atPath: $0) }
    }

    private static func printLines(_ findings: [Finding]) throws {
        let width = findings.map(\.check.count).max() ?? 0
        for finding in findings {
            let state = finding.state == .problem ? "PROBLEM" : finding.state.rawValue
            let name = finding.check + String(repeating: " ", count: width - finding.check.count)
            try Output.line("\(state)\(String(repeating: " ", count: 7 - state.count))  \(name)  \(finding.found)")
            if let advice = finding.advice {
                try Output.line(String(repeating: " ", count: width + 11) + "-> \(advice)")
            }
        }
    }

    private static func printJSON(_ findings: [Finding]) throws {
        try Output.document(
            JSONObjectWriter.document { json in
                json.boolean("ok", !findings.contains { $0.state == .problem })
                json.list("checks", findings) { entry, finding in
                    entry.string("check", finding.check)
                    entry.string("state", finding.state.rawValue)
                    entry.string("found", finding.found)
                    if let advice = finding.advice { entry.string("advice", advice) }
                }
            })
    }
}

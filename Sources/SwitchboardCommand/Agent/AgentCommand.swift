import ArgumentParser
import FoundationEssentials
import Logging
import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Stay connected as a client: print pushes, run a program for each and for commands, send lines up.",
        discussion: """
            One line is printed for each push, and connection events are logged on standard error. Ctrl-C and SIGTERM \
            let running programs end (for up to 5 seconds) and close the connection orderly (exit status 0; a second one \
            ends at once). When the server refuses the agent for good the exit status is 1.
            """)

    @Option(help: "The cluster's address. Default: SWITCHBOARD_URL, or ws://127.0.0.1:8080.")
    var url: String?

    @Option(help: "The client's id. Default: one that the server gives.")
    var id: ClientID?

    @Option(help: "A group to be in; may be given several times.")
    var group: [GroupName] = []

    @Option(help: "NAME=VALUE, a label to carry; may be given several times.")
    var label: [LabelArgument] = []

    @Option(
        help: ArgumentHelp(
            "Run this program for each push, one after the other, and for each command, up to eight at once.",
            discussion: """
                The payload is on its standard input (a JSON string as its text). For a push SWITCHBOARD_PUSH_ID, \
                SWITCHBOARD_CHANNEL and SWITCHBOARD_CLIENT_ID are in its environment, and its output goes where the \
                agent's goes; the push is acknowledged when it ends, whatever its exit status. For a command there are \
                SWITCHBOARD_COMMAND_ID, SWITCHBOARD_COMMAND_NAME, SWITCHBOARD_COMMAND_TIMEOUT (seconds) and \
                SWITCHBOARD_CLIENT_ID, and its output is the result: JSON when it parses as JSON, else text, with the \
                status 200 when its exit status is 0, else 500. A command that is cancelled or takes too long gets \
                SIGTERM, and SIGKILL 3 seconds later. Without a program commands are answered with the status 404.
                """, valueName: "program"))
    var exec: String?

    @Option(
        help: ArgumentHelp(
            "Keep in this file which pushes were handled and which commands were run, over a restart.",
            discussion: """
                What was done is not done again then, even when the agent is killed; a command that was cut short by \
                that is not run again, its result has the status 500. Only one agent can use the file.
                """, valueName: "file"))
    var state: String?

    @Option(
        help: ArgumentHelp(
            "Run only commands that were signed with a key of this file; may be given several times.",
            discussion: """
                Files as `switchboard signing-key` makes them: the public one, or a shared secret. It needs --id and --state. \
                SWITCHBOARD_COMMAND_KEY in the program's environment says which key it was. Pushes are not signed.
                """, valueName: "file"))
    var commandKey: [String] = []

    @Option(
        help: "Send each line that is appended to this file up, as 'tail -F' would show it (looked at every 250 ms).")
    var follow: String?

    @Option(
        help: ArgumentHelp(
            "Read the token that says who the client is from this file.",
            discussion: """
                It is read anew for each attempt to connect. A new token in it (looked for every second) is given to the \
                server at once, and the session goes on. Whoever writes it should write another file and rename it.
                """, valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The token itself. Default: SWITCHBOARD_TOKEN.",
            discussion: """
                Whoever can list this machine's processes sees it; --token-file and SWITCHBOARD_TOKEN do not show it.
                """))
    var token: String?

    @Option(help: "For wss://: trust the certificates of this PEM file instead of the system's.", completion: .file())
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "For wss://: a key that the node must have, sha256/BASE64; may be given several times.",
            discussion: """
                The base 64 of the SHA-256 of the SubjectPublicKeyInfo of its certificate, as `curl --pinnedpubkey` takes it. \
                The certificate must be trusted as well.
                """))
    var pin: [CertificatePin] = []

    @Flag(help: "Offer to compress messages; the server decides.")
    var compression = false

    @Option(help: "Seconds between two reports of this machine's health; 0 means none.")
    var healthInterval = 30.0

    @Flag(help: "Print pushes as JSON.")
    var json = false

    @Flag(help: "Print no pushes and log no events: only what --exec prints, and errors.")
    var quiet = false

    func validate() throws {
        guard ca == nil || address.hasPrefix("wss:") || address.hasPrefix("https:") else {
            throw ValidationError("--ca does nothing without TLS: give --url as wss://HOST.")
        }
        guard healthInterval.isFinite, (0...86_400).contains(healthInterval) else {
            throw ValidationError("--health-interval must be 0...86400 seconds.")
        }
        guard commandKey.isEmpty || (id != nil && state != nil) else {
            throw ValidationError("--command-key needs --id and --state.")
        }
        guard token == nil || tokenFile == nil else {
            throw ValidationError("--token and --token-file cannot be used together.")
        }
    }

    func run() async throws {
        try await Output.reporting {
            LoggingSystem.bootstrap(StreamLogHandler.standardError)
            let work = PushWork(program: exec, format: json ? .json : .readable, prints: !quiet)
            var settings = settings
            for file in commandKey { settings.commandKeys += try SigningKeyFile.commandKeys(in: file) }
            let agent = Agent(configuration: settings, handlers: handlers(work))
            let signals = TerminationSignals { Task { await agent.stop() } }
            defer { signals.cancel() }
            let following = Task { [follow] in
                guard let follow else { return }
                await FollowWork(agent: agent).run(path: follow)
            }
            defer { following.cancel() }
            let watching = Task { [tokens] in await tokens?.watch { await agent.renewToken() } }
            defer { watching.cancel() }
            await work.set(agent)
            try await agent.run()
            try await work.rethrow()
        }
    }

    private var address: String {
        url ?? ProcessInfo.processInfo.environment["SWITCHBOARD_URL"] ?? "ws://127.0.0.1:8080"
    }

    /// Where tokens come from; nil without any.
    private var tokens: TokenSource? {
        if let tokenFile { return .file(tokenFile) }
        return (token ?? ProcessInfo.processInfo.environment["SWITCHBOARD_TOKEN"]).map { .text($0) }
    }

    private var settings: AgentConfiguration {
        var settings = AgentConfiguration(
            url: address, client: id, groups: group, labels: label.dictionary)
        settings.healthInterval = healthInterval
        settings.stateFile = state
        settings.stopTimeout = 5
        if let tokens { settings.token = { try tokens.read() } }
        settings.compression = compression
        if let ca { settings.trustCertificates(atPath: ca) }
        settings.certificatePins = pin
        return settings
    }

    private func handlers(_ work: PushWork) -> AgentHandlers {
        let health = HealthWork()
        let quiet = quiet
        var handlers = AgentHandlers(
            onPush: { await work.handle($0) },
            onEvent: { event in
                await work.note(event)
                if !quiet { Output.note(EventLine.text(event)) }
            },
            health: { await health.report() })
        if let exec {
            let commands = CommandWork(
                runner: ProgramRunner(program: exec), limit: settings.maximumOutgoingBytes, notes: !quiet)
            handlers.onCommand = { try await commands.run($0, client: await work.client) }
        }
        return handlers
    }
}

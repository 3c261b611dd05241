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
        help: ArgumentHelp(
            "Send each line that is appended to this file up, as 'tail -F' would show it; may be given several times.",
            valueName: "file"))
    var follow: [String] = []

    @Option(
        help: ArgumentHelp(
            "Publish the lines of --follow to this group instead; one for each --follow, in the same order.",
            discussion: """
                Lines go together, at most every 100 ms or 16 KB; of a line the first 4 KB. What the link does not take in \
                time waits, up to 4 MB; then the oldest lines are left out, and the next batch says how many ("skipped").
                """, valueName: "group"))
    var stream: [GroupName] = []

    @Flag(help: "Keep the lines of --stream in their group's history, for who opens the stream later.")
    var durable = false

    @Option(help: "First the newest pushes of each --group that its history holds, at most so many (1...300).")
    var history: Int?

    @Flag(help: "When this reads too slowly, leave out pushes to groups instead of closing the connection.")
    var slowSkip = false

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

    @Option(help: "Seconds between two reports of this machine's health; 0 means none. Default: 30, with --monitor 5.")
    var healthInterval: Double?

    @Flag(help: "For dashboards: report health every 5 seconds, with this machine's name and the program's version.")
    var monitor = false

    @Option(
        help: ArgumentHelp(
            "NAME=VALUE, something else to say of this machine's health; may be given several times.",
            discussion: "The value is JSON if it parses as JSON, else a text. Rules for alerts may ask for it."))
    var healthField: [HealthFieldArgument] = []

    @Flag(
        help: ArgumentHelp(
            "Let operators have terminals on this machine.",
            discussion: """
                Whoever has a key with the scope admin at a node gets a shell as this user (`switchboard terminal`, the \
                console); see docs/terminal.md. They end with the agent.
                """))
    var allowTerminal = false

    @Option(
        help: ArgumentHelp(
            "The program that terminals run, with arguments: 'PATH ARGS'; may be given several times.",
            discussion: "Operators may name any of them and no other; the first is the default. Default: $SHELL.",
            valueName: "command"))
    var terminalCommand: [String] = []

    @Option(help: "Seconds after which a terminal that nobody views ends.")
    var terminalIdle = 900.0

    @Option(
        help: ArgumentHelp(
            "Record what terminals show in this folder, a file each (asciicast v2).", valueName: "folder"))
    var terminalRecordings: String?

    @Flag(help: "Print pushes as JSON.")
    var json = false

    @Flag(help: "Print no pushes and log no events: only what --exec prints, and errors.")
    var quiet = false

    func validate() throws {
        guard ca == nil || address.hasPrefix("wss:") || address.hasPrefix("https:") else {
            throw ValidationError("--ca does nothing without TLS: give --url as wss://HOST.")
        }
        guard (0...86_400).contains(healthInterval ?? 0) else {
            throw ValidationError("--health-interval must be 0...86400 seconds.")
        }
        try HealthFieldArgument.check(healthField)
        guard commandKey.isEmpty || (id != nil && state != nil) else {
            throw ValidationError("--command-key needs --id and --state.")
        }
        guard stream.isEmpty || stream.count == follow.count else {
            throw ValidationError("--stream goes with --follow: give one for each, in the same order.")
        }
        guard !durable || !stream.isEmpty else { throw ValidationError("--durable goes with --stream.") }
        guard history.map((1...ClientFrame.maximumHistory).contains) ?? true else {
            throw ValidationError("--history must be 1...\(ClientFrame.maximumHistory).")
        }
        guard allowTerminal || (terminalCommand.isEmpty && terminalRecordings == nil) else {
            throw ValidationError("--terminal-command and --terminal-recordings need --allow-terminal.")
        }
        let longest = TerminalOrder.maximumCommandBytes
        guard terminalCommand.allSatisfy({ $0.contains { $0 != " " } && $0.utf8.count <= longest }) else {
            throw ValidationError("--terminal-command must be a program, and have at most \(longest) bytes.")
        }
        guard terminalIdle.isFinite, (1...86_400).contains(terminalIdle) else {
            throw ValidationError("--terminal-idle must be 1...86400 seconds.")
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
            let following = Task { [follow, stream, durable] in
                await withTaskGroup(of: Void.self) { group in
                    for (path, target) in zip(follow, stream) {
                        let stream = StreamWork(agent: agent, path: path, group: target, isDurable: durable) {
                            await work.client
                        }
                        group.addTask { await stream.run() }
                    }
                    for path in follow.dropFirst(stream.count) {
                        group.addTask { await FollowWork(agent: agent).run(path: path) }
                    }
                }
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
        settings.healthInterval = healthInterval ?? (monitor ? 5 : 30)
        settings.stateFile = state
        settings.groupHistory = history ?? 0
        settings.slow = slowSkip ? .skip : .close
        settings.stopTimeout = 5
        if let tokens { settings.token = { try tokens.read() } }
        settings.compression = compression
        if allowTerminal {
            settings.terminals = TerminalPolicy(
                commands: terminalCommand, idleTimeout: terminalIdle, recordings: terminalRecordings)
        }
        if let ca { settings.trustCertificates(atPath: ca) }
        settings.certificatePins = pin
        return settings
    }

    private func handlers(_ work: PushWork) -> AgentHandlers {
        let health = HealthWork(fields: HealthFieldArgument.fields(healthField, ofThisMachine: monitor))
        let quiet = quiet
        var handlers = AgentHandlers(
            onPush: { await work.handle($0) },
            onEvent: { event in
                await work.note(event)
                if !quiet { Output.note(EventLine.text(event)) }
            },
            health: { await health.report() })
        if !quiet { handlers.onGroup = { Output.note(EventLine.text($0)) } }
        if let exec {
            let commands = CommandWork(
                runner: ProgramRunner(program: exec), limit: settings.maximumOutgoingBytes, notes: !quiet)
            handlers.onCommand = { try await commands.run($0, client: await work.client) }
        }
        return handlers
    }
}

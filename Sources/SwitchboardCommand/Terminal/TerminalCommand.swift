import ArgumentParser
import FoundationEssentials
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

struct TerminalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "terminal",
        abstract: "A terminal on a client's machine, where its agent allows it.",
        discussion: """
            The terminal lives at the agent: it goes on when this program, a node or the connection ends, and whoever comes \
            again sees what it shows. '~.' at the beginning of a line leaves it, '~?' tells more. Several people can share \
            one. The exit status is that of the terminal's program when it has ended, and 0 when the terminal was left. \
            The API key needs the scope admin.
            """)

    @Argument(help: "The client's id.")
    var client: ClientID

    @Option(help: ArgumentHelp("Which of the client's terminals; it is made when it is not there.", valueName: "name"))
    var terminal = "main"

    @Flag(help: "Only look: type nothing, and make no terminal.")
    var readOnly = false

    @Option(
        help: ArgumentHelp(
            "What to run in a new terminal: one of the programs that the agent allows. Default: its first.",
            valueName: "program"))
    var command: String?

    @Option(
        help: ArgumentHelp("Write what is shown to this file, for asciinema (asciicast v2).", valueName: "file"),
        completion: .file())
    var record: String?

    @Flag(help: "List the client's terminals.")
    var list = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard TerminalOrder.isName(terminal) else {
            throw ValidationError("--terminal must have 1-64 characters of A-Z a-z 0-9 . _ -.")
        }
        guard command?.utf8.count ?? 0 <= TerminalOrder.maximumCommandBytes else {
            throw ValidationError("--command may have \(TerminalOrder.maximumCommandBytes) bytes.")
        }
        guard !list || (command == nil && record == nil && !readOnly) else {
            throw ValidationError("--list goes with none of the others.")
        }
        guard api.json == false || list else { throw ValidationError("--json goes only with --list.") }
    }

    func run() async throws {
        try await Output.reporting {
            let server = try api.client
            // Whoever knows it is this viewer, so nobody can guess it.
            let viewer = Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
            guard !list else {
                return try await TerminalList(api: server, client: client, viewer: viewer).show(json: api.json)
            }
            let status = try await TerminalVisit(
                api: server, client: client, name: viewer, terminal: terminal, mode: readOnly ? .readOnly : .shared,
                command: command, record: record
            ).run()
            guard status == 0 else { throw ExitCode(status) }
        }
    }
}

/// Asks an agent which terminals it has.
struct TerminalList {
    private static let patience = TimeAmount.seconds(10)

    let api: APIClient
    let client: ClientID
    let viewer: String

    func show(json: Bool) async throws {
        let (events, inlet) = AsyncStream.makeStream(
            of: OperatorSocket.Event.self, bufferingPolicy: .bufferingOldest(64))
        let socket = try await OperatorSocket.open(api) { inlet.yield($0) }
        socket.send(TerminalOrder(viewer: viewer, action: .list), to: client)
        let reminder = socket.channel.eventLoop.scheduleTask(in: Self.patience) {
            _ = inlet.yield(.ended(reason: "the client's agent has not answered", isFinal: true))
        }
        defer { reminder.cancel() }
        for await event in events {
            switch event {
            case .ended(let reason, _): throw Failure(reason)
            case .frame(let document):
                guard let answer = ViewerFrame(document, for: viewer) else { continue }
                try Self.show(answer, document, json: json, client)
                return await socket.close()
            }
        }
    }

    private static func show(_ answer: ViewerFrame, _ document: JSONDocument, json: Bool, _ client: ClientID) throws {
        switch answer {
        case .offline: throw Failure("\(client) is not connected")
        case .error(let code, let message), .report(.refused(let code, let message)):
            throw Failure("\(code): \(message)")
        case .report(.terminals(let terminals)):
            if json, let list = document["terminals"] { return try Output.document(document.bytes(of: list)) }
            var table = Table("TERMINAL", "COMMAND", "SIZE", "VIEWERS", "SINCE")
            for terminal in terminals {
                let since = Date(timeIntervalSince1970: Double(terminal.since) / 1000)
                table.add(
                    terminal.terminal, terminal.command, "\(terminal.columns)x\(terminal.rows)", "\(terminal.viewers)",
                    since.formatted(.iso8601))
            }
            if terminals.isEmpty { Output.note("no terminals") } else { try table.print() }
        case .report: throw Failure("the server's answer is not understood")
        }
    }
}

/// What a node says of one viewer.
enum ViewerFrame {
    case report(TerminalReport.Event)
    case offline
    case error(code: String, message: String)

    /// - Returns: nil for what is about nothing of this viewer.
    init?(_ document: JSONDocument, for viewer: String) {
        func text(_ name: String) -> String? { document[name].flatMap(document.string) }
        switch text("type") {
        case "error":
            guard text("ref") == viewer || text("ref") == nil else { return nil }
            self = .error(code: text("code") ?? "error", message: text("message") ?? "")
        case "terminal" where text("viewer") == viewer:
            if text("op") == "offline" {
                self = .offline
            } else {
                guard let report = try? TerminalReport(parsing: document.buffer) else { return nil }
                self = .report(report.event)
            }
        default: return nil
        }
    }
}

import ArgumentParser
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

struct Rollout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Push or command many clients a few at a time, stopping when too many fail.",
        subcommands: [Start.self, Show.self, List.self, Pause.self, Resume.self, Abort.self],
        defaultSubcommand: List.self)

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin a roll-out.",
            usage: """
                switchboard rollout start (--to ID ... | --group NAME | --label NAME=VALUE ... | --all) --command NAME [DATA]
                switchboard rollout start (--to ID ... | --group NAME | --label NAME=VALUE ... | --all) DATA
                """)

        @OptionGroup var targets: TargetOptions

        @Option(help: "Send this command; without it DATA is pushed.")
        var command: String?
        @Option(help: "Seconds that a client has for the command's result. Default: the server's (30).")
        var timeout: Double?
        @Flag(help: "Push durably: a client that does not acknowledge in time has failed.")
        var durable = false
        @Option(help: "Seconds within which a durable push has to be acknowledged. Default: the server's (30).")
        var wait: Double?

        @Argument(help: "What is pushed, or goes with the command: JSON when it parses as JSON, else text.")
        var data: String?

        @Option(help: "The share of the clients that come first, 0...1. Default: the server's (0.05).")
        var canaryShare: Double?
        @Option(help: "How many clients come first.")
        var canaryClients: Int?
        @Option(help: "Seconds for which the first clients are awaited. Default: the server's.")
        var canaryWait: Double?
        @Option(help: "Clients begun in a minute, 1...60000. Default: the server's (600).")
        var rate: Int?
        @Option(help: "Abort when a larger share has failed, 0...1. Default: the server's (0.1).")
        var abortShare: Double?
        @Option(help: "... of at least so many clients. Default: the server's (10).")
        var abortMinimum: Int?
        @Option(help: "Names the roll-out: a repetition begins nothing.")
        var id: String?

        @OptionGroup var api: APIOptions

        func validate() throws {
            guard command != nil || data != nil else { throw ValidationError("Give --command, or DATA to push.") }
            guard command == nil || !durable && wait == nil else {
                throw ValidationError("--durable and --wait are for pushes.")
            }
            guard command != nil || timeout == nil else { throw ValidationError("--timeout is for commands.") }
            guard canaryShare == nil || canaryClients == nil else {
                throw ValidationError("Give --canary-share or --canary-clients, not both.")
            }
        }

        func run() async throws {
            try await Output.reporting {
                try Rollout.print(try await api.client.post("/v1/rollouts", json: body), api)
            }
        }

        private var body: ByteBuffer {
            JSONObjectWriter.document { json in
                if let id { json.string("id", id) }
                json.object("to") { $0.target(targets.target) }
                if let command {
                    json.object("command") { entry in
                        entry.string("name", command)
                        if let data { entry.rolloutData(data) }
                        if let timeout { entry.number("timeout", timeout) }
                    }
                } else {
                    json.object("push") { entry in
                        entry.rolloutData(data ?? "")
                        if durable { entry.boolean("durable", true) }
                        if let wait { entry.number("wait", wait) }
                    }
                }
                if let canaryShare { json.object("canary") { $0.number("share", canaryShare) } }
                if let canaryClients { json.object("canary") { $0.integer("clients", canaryClients) } }
                if let canaryWait { json.number("canaryWait", canaryWait) }
                if let rate { json.integer("rate", rate) }
                if abortShare != nil || abortMinimum != nil {
                    json.object("abort") { entry in
                        if let abortShare { entry.number("share", abortShare) }
                        if let abortMinimum { entry.integer("minimum", abortMinimum) }
                    }
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a roll-out, and the clients that failed.")

        @Argument(help: "The roll-out's id.") var id: String
        @Option(help: "List clients of this kind: pending, started, ok or failed.") var outcome = "failed"
        @Option(help: "The most clients, 1...1000.") var limit = 20
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await Output.reporting {
                let client = try api.client
                let path = try Rollout.path(id)
                try Rollout.print(try await client.get(path), api)
                let answer = try await client.get(
                    path + "/clients", query: [("outcome", outcome), ("limit", "\(limit)")])
                if api.json { return try Output.document(answer) }
                let page = try RolloutClientsAnswer.reading(answer)
                guard !page.clients.isEmpty else { return }
                var table = Table("CLIENT", "OUTCOME", "REASON", "STATUS", "AGO")
                for entry in page.clients {
                    table.add(
                        entry.client, entry.outcome, entry.reason ?? "", entry.status.map(String.init) ?? "",
                        Age.text(since: entry.at))
                }
                try table.print()
                if page.clients.count == limit, page.next != nil { try Output.line("... and perhaps more") }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List roll-outs, the newest first.")

        @Option(help: "The most roll-outs, 1...100.") var limit = 20
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await Output.reporting {
                let answer = try await api.client.get("/v1/rollouts", query: [("limit", "\(limit)")])
                if api.json { return try Output.document(answer) }
                let page = try RolloutsAnswer.reading(answer)
                guard !page.rollouts.isEmpty else { return try Output.line("none") }
                var table = Table("ID", "STATE", "TOTAL", "STARTED", "OK", "FAILED", "BY", "AGO", "REASON")
                for entry in page.rollouts {
                    let counts = entry.counts
                    table.add(
                        entry.id, entry.state, "\(counts.total)", "\(counts.started)", "\(counts.ok)",
                        "\(counts.failed)", entry.by, Age.text(since: entry.createdAt), entry.reason ?? "")
                }
                try table.print()
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Begin no more clients until it is resumed.")
        @Argument(help: "The roll-out's id.") var id: String
        @OptionGroup var api: APIOptions
        func run() async throws { try await Rollout.order("pause", id, api) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Go on with a roll-out that is paused.")
        @Argument(help: "The roll-out's id.") var id: String
        @OptionGroup var api: APIOptions
        func run() async throws { try await Rollout.order("resume", id, api) }
    }

    struct Abort: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a roll-out; it cannot be resumed.")
        @Argument(help: "The roll-out's id.") var id: String
        @Option(help: "Why, for those who look at it later.") var reason: String?
        @OptionGroup var api: APIOptions
        func run() async throws {
            try await Rollout.order("abort", id, api, query: reason.map { [("reason", $0)] } ?? [])
        }
    }

    private static func path(_ id: String) throws(Failure) -> String {
        guard let id = RolloutID(rawValue: id) else { throw Failure("'\(id)' is no id of a roll-out") }
        return "/v1/rollouts/\(id)"
    }

    private static func order(
        _ verb: String, _ id: String, _ api: APIOptions, query: [(String, String)] = []
    ) async throws {
        try await Output.reporting {
            let path = try Rollout.path(id) + "/" + verb + APIClient.encoded(query)
            try print(try await api.client.post(path, json: ByteBuffer()), api)
        }
    }

    private static func print(_ answer: ByteBuffer, _ api: APIOptions) throws {
        if api.json { return try Output.document(answer) }
        let status = try RolloutsAnswer.Entry.reading(answer)
        let counts = status.counts
        let reason = status.reason.map { "  (\($0))" } ?? ""
        try Output.line(
            "\(status.id)  \(status.state)  total \(counts.total)  started \(counts.started)  ok \(counts.ok)  "
                + "failed \(counts.failed)  pending \(counts.pending)\(reason)")
    }
}

/// A page of `GET /v1/rollouts`.
private struct RolloutsAnswer: Decodable {
    struct Counts: Decodable {
        var total: Int
        var started: Int
        var ok: Int
        var failed: Int
        var pending: Int
    }
    struct Entry: Decodable {
        var id: String
        var state: String
        var counts: Counts
        var by: String
        var createdAt: String
        var reason: String?
    }
    var rollouts: [Entry]
}

/// A page of `GET /v1/rollouts/{id}/clients`.
private struct RolloutClientsAnswer: Decodable {
    struct Entry: Decodable {
        var client: String
        var outcome: String
        var reason: String?
        var status: Int?
        var at: String?
    }
    var clients: [Entry]
    var next: String?
}

extension JSONObjectWriter {
    fileprivate mutating func rolloutData(_ text: String) {
        let bytes = ByteBuffer(string: text)
        if (try? JSONDocument.validate(bytes)) != nil { verbatim("data", bytes) } else { string("text", text) }
    }
}

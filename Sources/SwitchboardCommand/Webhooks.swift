import ArgumentParser
import NIOCore
import SwitchboardProtocol

struct Webhooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how the webhooks are doing, and replay or drop events that were given up.",
        subcommands: [Status.self, Dead.self, Replay.self, Drop.self], defaultSubcommand: Status.self)

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what waits, and the last failure.")

        @OptionGroup var api: APIOptions

        func run() async throws {
            try await Output.reporting {
                let answer = try await api.client.get("/v1/webhooks")
                if api.json { return try Output.document(answer) }
                try FieldList(answer, ages: ["oldest", "lastError.at"]).print()
            }
        }
    }

    struct Dead: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List events that were given up, oldest first.")

        @Option(help: "The most events.") var limit = 100
        @Option(help: "Where to go on: the last id of the page before.") var cursor: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await Output.reporting {
                var query = [("limit", "\(limit)")]
                if let cursor { query.append(("cursor", cursor)) }
                let answer = try await api.client.get("/v1/webhooks/dead", query: query)
                if api.json { return try Output.document(answer) }
                let page = try DeadWebhooksAnswer.reading(answer)
                guard !page.events.isEmpty else { return try Output.line("none") }
                var table = Table("ID", "TYPE", "CLIENT", "HAPPENED", "TRIES", "REASON")
                for entry in page.events {
                    table.add(
                        entry.id, entry.event.type, entry.event.subject, Age.text(since: entry.event.time),
                        "\(entry.attempts)", entry.reason)
                }
                try table.print()
                if let next = page.next { try Output.line("... and perhaps more: --cursor \(next)") }
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deliver events again that were given up. Without ids all of them.")

        @Argument(help: "Ids as 'dead' lists them.") var ids: [String] = []
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await Output.reporting {
                let body = JSONObjectWriter.document { json in
                    if ids.isEmpty { json.boolean("all", true) } else { json.strings("ids", ids) }
                }
                try Output.document(try await api.client.post("/v1/webhooks/dead/replay", json: body))
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget events that were given up.")

        @Argument(help: "Ids as 'dead' lists them.") var ids: [String] = []
        @Flag(help: "All of them.") var all = false
        @OptionGroup var api: APIOptions

        func validate() throws {
            guard ids.isEmpty == all else { throw ValidationError("Give ids, or --all.") }
        }

        func run() async throws {
            try await Output.reporting {
                if all { return try Output.document(try await api.client.delete("/v1/webhooks/dead")) }
                for id in ids {
                    try await api.client.delete("/v1/webhooks/dead/" + id)
                    if !api.json { try Output.line("\(id) dropped") }
                }
            }
        }
    }
}

import ArgumentParser
import FoundationEssentials
import SwitchboardProtocol
import SwitchboardServer

/// `switchboard key`: the API keys of backends.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make, list and revoke the API keys of a key file.",
        discussion: """
            A key file holds names, scopes and hashes, never a key. A node reads it when it starts and at SIGHUP, so a key \
            is replaced without a pause: make another one, give it to the backend, and revoke the old one.
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it, this once.",
            discussion:
                "Standard output gets the key alone. Without --file its line for the file goes to standard error.")

        @Argument(help: "The key's name, in logs and metrics.")
        var name: KeyName

        @Option(help: "What it is for: push, read or admin, which holds the others; several with commas.")
        var scope: Scopes

        @Option(help: "For how long it is valid, such as 90d. (default: for ever)")
        var expires: TimeArgument?

        @Option(help: "The key file to put it into; it is made if there is none.", completion: .file())
        var file: String?

        func run() async throws {
            try await Output.reporting {
                let key = APIKey.random()
                let end = expires.map { (Date().timeIntervalSince1970 + Double($0.seconds)).rounded() }
                let entry = KeyRing.Entry(name: name, scopes: scope, hash: key.hash, expiresAt: end)
                if let file { try KeyFile.add(entry, to: file) } else { Output.note(entry.line) }
                try Output.line(key.text)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the keys of a file.")

        @Option(help: "The key file.", completion: .file())
        var file: String

        func run() async throws {
            try await Output.reporting {
                let entries = try KeyFile(path: file).keys.entries
                guard !entries.isEmpty else { return try Output.line("no keys") }
                let now = Date().timeIntervalSince1970
                var table = Table("KEY", "SCOPES", "EXPIRES")
                for entry in entries {
                    let end = entry.expiresAt.map { Date(timeIntervalSince1970: $0).formatted(.iso8601) }
                    let mark = entry.expiresAt.map { $0 <= now } == true ? " (expired)" : ""
                    table.add(entry.name.rawValue, entry.scopes.description, (end ?? "never") + mark)
                }
                try table.print()
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a key out of a file.")

        @Argument(help: "The key's name.")
        var name: KeyName

        @Option(help: "The key file.", completion: .file())
        var file: String

        func run() async throws {
            try await Output.reporting {
                try KeyFile.remove(name, from: file)
                try Output.line("\(name) revoked")
            }
        }
    }
}

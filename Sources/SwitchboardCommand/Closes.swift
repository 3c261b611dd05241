import ArgumentParser
import SwitchboardProtocol

struct Closes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the newest closes of a node, with their reasons; of all nodes without an argument.")

    @Argument(help: "The node's name, as 'switchboard nodes' shows it.")
    var node: NodeID?

    @Option(help: "Closes of each node, 1...100.")
    var limit = 20

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...100).contains(limit) else { throw ValidationError("--limit must be 1...100.") }
    }

    func run() async throws {
        try await Output.reporting {
            var table = Table("AGO", "NODE", "CLIENT", "CODE", "LASTED", "REASON")
            for name in try await nodes() {
                let answer = try await api.client.get("/v1/nodes/\(name)/closes", query: [("limit", "\(limit)")])
                if api.json { try Output.document(answer) }
                for close in try ClosesAnswer.reading(answer).closes {
                    table.add(
                        Age.text(since: close.at), name, close.client, "\(close.code)",
                        Age.text(seconds: Int(min(max(0, close.duration), 1e9))), close.reason)
                }
            }
            if !api.json { try table.print() }
        }
    }

    private func nodes() async throws -> [String] {
        if let node { return [node.rawValue] }
        return try NodesAnswer.reading(try await api.client.get("/v1/nodes")).nodes.map(\.id)
    }
}

import ArgumentParser

struct Nodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the cluster's nodes.")

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            let answer = try await api.client.get("/v1/nodes")
            if api.json { return try Output.document(answer) }
            let nodes = try NodesAnswer.reading(answer).nodes
            guard !nodes.isEmpty else { return try Output.line("no nodes") }
            var table = Table("NODE", "ADDRESS", "VERSION", "UP", "SESSIONS", "STATE", "BUS LAG")
            for node in nodes {
                table.add(
                    node.id, node.address ?? "", node.version ?? "", Age.text(since: node.startedAt),
                    node.sessions.map(String.init) ?? "",
                    node.state ?? (node.draining == true ? "draining" : "serving"),
                    node.busLag.map(ClientTable.milliseconds) ?? "")
            }
            try table.print()
        }
    }
}

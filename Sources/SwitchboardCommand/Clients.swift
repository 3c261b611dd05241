import ArgumentParser
import SwitchboardProtocol

struct Clients: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List clients.")

    @Option(help: "online or offline. Default: both.")
    var state: State?

    enum State: String, ExpressibleByArgument, CaseIterable {
        case online, offline
    }

    @Option(help: "Only members of this group.")
    var group: GroupName?

    @Option(help: "NAME=VALUE; with several all must match.")
    var label: [LabelArgument] = []

    @Option(help: "Only those on this node.")
    var node: NodeID?

    @Option(help: "Clients a page. Default: the server's.")
    var limit: Int?

    @Option(help: "Go on behind an earlier page.")
    var cursor: String?

    @Flag(help: "All pages, not only the first. With --json: one document a page.")
    var all = false

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            var table = ClientTable()
            var next = cursor
            repeat {
                let answer = try await api.client.get("/v1/clients", query: query(cursor: next))
                let page = try ClientsAnswer.reading(answer)
                if api.json { try Output.document(answer) } else { table.add(page.clients) }
                next = page.next
            } while all && next != nil
            if !api.json { try table.print() }
            if let next, !api.json { Output.note("There are more: --all, or --cursor \(next)") }
        }
    }

    private func query(cursor: String?) -> [(String, String)] {
        var query: [(String, String)] = []
        if let state { query.append(("state", state.rawValue)) }
        if let group { query.append(("group", group.rawValue)) }
        for label in label { query.append(("label." + label.name, label.value)) }
        if let node { query.append(("node", node.rawValue)) }
        if let limit { query.append(("limit", "\(limit)")) }
        if let cursor { query.append(("cursor", cursor)) }
        return query
    }
}

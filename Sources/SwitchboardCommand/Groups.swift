import ArgumentParser

struct Groups: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List groups and how many members they have.")

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            let answer = try await api.client.get("/v1/groups")
            if api.json { return try Output.document(answer) }
            let groups = try GroupsAnswer.reading(answer).groups
            guard !groups.isEmpty else { return try Output.line("no groups") }
            var table = Table("GROUP", "MEMBERS")
            for group in groups { table.add(group.name, "\(group.members)") }
            try table.print()
        }
    }
}

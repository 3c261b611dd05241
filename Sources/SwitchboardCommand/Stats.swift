import ArgumentParser

struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what the cluster has done.")

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            let answer = try await api.client.get("/v1/stats")
            try api.json ? Output.document(answer) : FieldList(answer).print()
        }
    }
}

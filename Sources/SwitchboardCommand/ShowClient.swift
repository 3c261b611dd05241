import ArgumentParser
import SwitchboardProtocol

struct ShowClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "client", abstract: "Show one client.")

    @Argument(help: "The client's id.")
    var id: ClientID

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            let answer = try await api.client.get("/v1/clients/" + id.rawValue)
            if api.json { return try Output.document(answer) }
            try FieldList(answer, ages: ["connectedAt", "lastSeenAt"], milliseconds: ["rtt"]).print()
        }
    }
}

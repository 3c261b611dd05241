import ArgumentParser
import NIOCore
import SwitchboardProtocol

struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close a client's connection for good (close code 4004): it does not reconnect by itself.")

    @Argument(help: "The client's id.")
    var id: ClientID

    @Option(help: "What the client is told.")
    var reason: String?

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            let query = reason.map { [("reason", $0)] } ?? []
            let answer = try await api.client.delete("/v1/clients/" + id.rawValue, query: query)
            if !api.json { return try Output.line("\(id) closed") }
            if answer.readableBytes > 0 { try Output.document(answer) }
        }
    }
}

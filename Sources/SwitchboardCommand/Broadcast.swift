import ArgumentParser
import SwitchboardProtocol

struct Broadcast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Push to everyone who is connected.")

    @OptionGroup var payload: PayloadOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        try await Output.reporting {
            try await PushRequest(target: .all, payload: payload.payload()).send(api)
        }
    }
}

import ArgumentParser
import SwitchboardProtocol

struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Push to one client, several clients, a group, labels or everyone.",
        usage: "switchboard push (--to ID ... | --group NAME | --label NAME=VALUE ... | --all) DATA|-|--file FILE")

    @OptionGroup var targets: TargetOptions

    @Option(help: "What to do for a client that is not connected: drop, queue or fail. Default: the server's (drop).")
    var offline: Offline?

    enum Offline: String, ExpressibleByArgument, CaseIterable {
        case drop, queue, fail
    }

    @Flag(help: "Keep it until it is acknowledged, or its time is up.")
    var durable = false

    @Option(help: "Seconds for which a durable push is kept. Default: the server's.")
    var ttl: Int?

    @Option(help: "Replaces an older durable push with this key that still waits.")
    var collapse: String?

    @Option(help: "Names the push: a repetition within 5 minutes gets the first answer and delivers nothing.")
    var id: String?

    @Option(help: "Seconds to wait until the clients have received it, at most 60.")
    var wait: Int?

    @OptionGroup var payload: PayloadOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        if let wait, !(0...60).contains(wait) { throw ValidationError("--wait must be 0...60 seconds.") }
    }

    private var target: Target {
        if let client = targets.to.first, targets.to.count == 1 { return .client(client) }
        return targets.target
    }

    func run() async throws {
        try await Output.reporting {
            var request = PushRequest(target: target, payload: try payload.payload(), offline: offline?.rawValue)
            request.isDurable = durable
            request.timeToLive = ttl
            request.collapse = collapse
            request.id = id
            request.wait = wait
            try await request.send(api)
        }
    }
}

import ArgumentParser
import SwitchboardProtocol

struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Push to one client, several clients, a group, labels or everyone.",
        usage: "switchboard push (--to ID ... | --group NAME | --label NAME=VALUE ... | --all) DATA|-|--file FILE")

    @Option(help: "A client's id; may be given several times.")
    var to: [ClientID] = []

    @Option(help: "A group's name.")
    var group: GroupName?

    @Option(help: "NAME=VALUE; with several all must match.")
    var label: [LabelArgument] = []

    @Flag(help: "Everyone who is connected.")
    var all = false

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
        guard [!to.isEmpty, group != nil, !label.isEmpty, all].count(where: { $0 }) == 1 else {
            throw ValidationError("Give exactly one of --to, --group, --label and --all.")
        }
    }

    private var target: Target {
        if let group { return .group(group) }
        if !label.isEmpty { return .labels(label.dictionary) }
        if let client = to.first { return to.count == 1 ? .client(client) : .clients(to) }
        return .all
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

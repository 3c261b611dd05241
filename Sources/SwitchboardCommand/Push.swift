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

    @OptionGroup var payload: PayloadOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
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
            try await PushRequest(target: target, payload: payload.payload(), offline: offline?.rawValue).send(api)
        }
    }
}

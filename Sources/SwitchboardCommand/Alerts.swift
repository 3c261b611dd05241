import ArgumentParser
import SwitchboardProtocol

struct Alerts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the clients that are in alarm, the worst first; or the rules by which they are.")

    @Option(help: "amber or red. Default: both.")
    var level: Level?

    enum Level: String, ExpressibleByArgument, CaseIterable {
        case amber, red
    }

    @Option(help: "Only those of this client.")
    var client: ClientID?

    @Flag(help: "The rules instead.")
    var rules = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard !rules || (level == nil && client == nil) else {
            throw ValidationError("--rules goes with neither --level nor --client.")
        }
    }

    func run() async throws {
        try await Output.reporting {
            let answer = try await api.client.get(rules ? "/v1/alerts/rules" : "/v1/alerts", query: query)
            if api.json { return try Output.document(answer) }
            if rules {
                for rule in try AlertRulesAnswer.reading(answer).rules { try Output.line(rule.rule.withoutControls) }
                return
            }
            let page = try AlertsAnswer.reading(answer)
            var table = Table("LEVEL", "CLIENT", "ALERT", "VALUE", "SINCE", "NODE")
            for alert in page.alerts {
                table.add(
                    alert.level, alert.client, alert.alert, alert.value?.text ?? "", Age.text(since: alert.since),
                    alert.node)
            }
            try page.alerts.isEmpty ? Output.line("no alerts") : table.print()
            if !page.complete { Output.note("Not all: a node did not answer in time, or there are too many.") }
        }
    }

    private var query: [(String, String)] {
        [level.map { ("level", $0.rawValue) }, client.map { ("client", $0.rawValue) }].compactMap { $0 }
    }
}

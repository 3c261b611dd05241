import ArgumentParser
import FoundationEssentials

/// Where the cluster's HTTP API is, and how its answers are shown.
struct APIOptions: ParsableArguments {
    @Option(help: "The cluster's HTTP address. Default: SWITCHBOARD_URL, or http://127.0.0.1:8080.")
    var url: String?

    @Flag(help: "Print the API's JSON as it came.")
    var json = false

    var client: APIClient {
        get throws { try APIClient(url: url ?? ProcessInfo.processInfo.environment["SWITCHBOARD_URL"]) }
    }
}

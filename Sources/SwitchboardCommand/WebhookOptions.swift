public import ArgumentParser
import FoundationEssentials
public import SwitchboardCore
import SwitchboardRedis
public import SwitchboardServer

/// What `serve` can be told of webhooks and of where messages go.
struct WebhookOptions: ParsableArguments {
    @Option(help: "Where messages of clients go: none, stream (in Redis), webhook or both.")
    var upstream = UpstreamDestination.stream
    @Option(help: "Messages that the stream in Redis keeps, about.") var upstreamLimit = 100_000

    @Option(name: .customLong("webhook-url"), help: "Where events are posted to. (default: nowhere)")
    var webhookURL: String?
    @Option(
        help: ArgumentHelp(
            "A secret to sign with, whsec_ and base 64; several while one replaces another. Better in SWITCHBOARD_WEBHOOK_SECRET."
        ))
    var webhookSecret: [String] = []
    @Option(parsing: .upToNextOption, help: "The events that are told. (default: all)")
    var webhookEvents: [WebhookKind] = []
    @Option(help: "Seconds for which a client may be gone without anybody hearing of it.") var webhookGrace = 5.0
    @Option(help: "Seconds for which delivery of an event is tried.") var webhookRetry = 3600.0
    @Option(help: "Seconds that one request may take.") var webhookTimeout = 10.0
    @Option(help: "Events of one request; with 1 a request has one event instead of a list.") var webhookBatch = 100
    @Option(help: "Requests under way at once, of all nodes together.") var webhookRequests = 8
    @Option(help: "Events that may wait.") var webhookLimit = 100_000
    @Option(help: "Bytes of events that may wait.") var webhookBytes = ByteCount(128 << 20)
    @Option(help: "What events say of their origin. (default: urn:switchboard:PREFIX)") var webhookSource: String?

    @Option(name: .customLong("connecting-url"), help: "Who is asked before a client may connect. (default: nobody)")
    var connectingURL: String?
    @Option(help: "Seconds within which it must answer.") var connectingTimeout = 1.0
    @Option(help: "What a client gets when it does not: allow or refuse.") var connectingDefault =
        WebhookConfiguration.ConnectingDefault.allow

    /// A flag is seen by everybody who can list processes, so that the environment is the better place.
    private var secrets: [String] {
        guard webhookSecret.isEmpty else { return webhookSecret }
        let text = ProcessInfo.processInfo.environment["SWITCHBOARD_WEBHOOK_SECRET"] ?? ""
        return text.split { $0 == "," || $0 == " " }.map(String.init)
    }

    func apply(to configuration: inout ServerConfiguration) {
        configuration.upstream = upstream
        configuration.redis?.upstreamLimit = upstreamLimit
        var webhooks = WebhookConfiguration()
        webhooks.url = webhookURL
        webhooks.secrets = secrets
        if !webhookEvents.isEmpty { webhooks.events = Set(webhookEvents) }
        webhooks.grace = webhookGrace
        webhooks.retry = webhookRetry
        webhooks.timeout = webhookTimeout
        webhooks.batch = webhookBatch
        webhooks.requests = webhookRequests
        webhooks.limit = webhookLimit
        webhooks.byteLimit = webhookBytes.bytes
        webhooks.source = webhookSource
        webhooks.connectingURL = connectingURL
        webhooks.connectingTimeout = connectingTimeout
        webhooks.connectingDefault = connectingDefault
        configuration.webhooks = webhooks
    }
}

extension UpstreamDestination: ExpressibleByArgument {}
extension WebhookKind: ExpressibleByArgument {}
extension WebhookConfiguration.ConnectingDefault: ExpressibleByArgument {}

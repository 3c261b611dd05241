public import SwitchboardCore

/// Where messages of clients go.
public enum UpstreamDestination: String, Sendable, CaseIterable {
    /// Nowhere: they are refused.
    case none
    /// To the stream `{prefix}:upstream` in Redis, for consumer groups.
    case stream
    /// To the webhook, as `client.message`.
    case webhook
    case both

    var isStream: Bool { self == .stream || self == .both }
    var isWebhook: Bool { self == .webhook || self == .both }
}

/// How backends are told what happens, and asked who may connect. All nodes of a cluster need the same.
public struct WebhookConfiguration: Sendable {
    /// What a client gets when the backend that is asked about it does not answer.
    public enum ConnectingDefault: String, Sendable, CaseIterable {
        case allow, refuse
    }

    /// Where events are posted to; nil tells nobody.
    public var url: String?
    /// `whsec_` and base 64 of 24 to 64 bytes. Every request carries a signature with each, so that one can be replaced.
    public var secrets: [String] = []
    public var events = WebhookKind.allCases
    /// Seconds for which a client may be gone without anybody hearing of it.
    public var grace = 5.0
    /// Seconds for which delivery of an event is tried.
    public var retry = 3600.0
    /// Seconds that one request may take.
    public var timeout = 10.0
    /// The most events of one request. With 1 a request has one event (`application/cloudevents+json`), else a list of
    /// them (`application/cloudevents-batch+json`).
    public var batch = 100
    /// Requests that may be under way at once, of all nodes together: at most ``WebhookLane/count``.
    public var requests = 8
    /// Events that may wait ...
    public var limit = 100_000
    /// ... and bytes.
    public var byteLimit = 128 << 20
    /// What events say of their origin; nil is `urn:switchboard:PREFIX`.
    public var source: String?

    /// Who is asked before a client may connect; nil asks nobody.
    public var connectingURL: String?
    /// Seconds within which it must answer.
    public var connectingTimeout = 1.0
    public var connectingDefault = ConnectingDefault.allow

    public init() {}

    /// Whether anybody is told or asked anything.
    var isUsed: Bool { url != nil || connectingURL != nil }

    var limits: WebhookLimits { WebhookLimits(events: limit, bytes: byteLimit) }

    /// Below the time for which a connection may stay mute.
    static let longestConnecting = 9.0

    func validate(upstream: UpstreamDestination) throws(ServerConfiguration.Problem) {
        guard !upstream.isWebhook || url != nil && events.contains(.message) else {
            throw ServerConfiguration.Problem(
                "upstream: '\(upstream)' needs webhookURL, and client.message in webhookEvents")
        }
    }
}

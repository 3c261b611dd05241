import Logging
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis

extension Setting {
    /// Seconds beyond which a time is a mistake.
    private static let day = 86_400.0
    private static let timeToLive = 1...Int(PushOptionsReader.maximumTimeToLive)

    /// Every setting of a node, in the order of the help. How to add one: docs/architecture.md.
    public static let all: [Setting] = [
        Setting("host", .host, \.server.host, "Where to listen."),
        Setting("port", .port, \.server.port, "The port; 0 takes a free one."),
        Setting(
            "redis", .redisURL, \.redisURL,
            "Redis, as redis://[USER:PASSWORD@]HOST:PORT[/DATABASE] or rediss://.", absence: "none, a single node"),
        Setting("prefix", .name, \.prefix, "What all names in Redis begin with.", needs: "redis"),
        Setting(
            "nodeId", .name, \.node, "The name of this node; it has to differ from node to node.",
            absence: "the host's name and something random"),
        Setting(
            "allowAnonymous", .toggle, \.server.allowAnonymous,
            "Let anybody connect and push, also from other machines."),
        Setting("inboundLimit", .bytes, \.server.inboundLimit, "The longest message of a client."),
        Setting("bodyLimit", .bytes, \.server.bodyLimit, "The longest request body."),
        Setting("outboundLimit", .bytes, \.server.outboundLimit, "Bytes that may wait for one session."),
        Setting("outboundPushes", .count(), \.server.outboundPushes, "Pushes that may wait for one session."),
        Setting("mailboxLimit", .count(), \.server.mailboxLimit, "Pushes that may wait in one client's mailbox."),
        Setting("mailboxBytes", .bytes, \.server.mailboxBytes, "Bytes that may wait in one client's mailbox."),
        Setting(
            "mailboxOverflow", .choice, \.server.mailboxOverflow,
            "What happens when a mailbox is full: refuse the push, or displace the oldest."),
        Setting(
            "mailboxTTL", .seconds(timeToLive), \.server.mailboxTTL,
            "How long a mailbox keeps a push that says nothing else."),
        Setting("historyLimit", .count(), \.server.historyLimit, "Pushes that the history of one channel keeps."),
        Setting(
            "historyTTL", .seconds(timeToLive), \.server.historyTTL,
            "How long a history keeps a push that says nothing else."),
        Setting("messageRate", .count(), \.server.messageRate, "Messages a second of one client."),
        Setting("messageBurst", .count(), \.server.messageBurst, "Messages of one client that may come at once."),
        Setting("publishRate", .count(), \.server.publishRate, "Pushing requests a second, then 429."),
        Setting("acceptRate", .count(), \.server.acceptRate, "New connections a second, then 503."),
        Setting("maxConnections", .count(), \.server.maximumConnections, "Connections of this node, then 503."),
        Setting("maxGroups", .count(), \.server.maximumGroups, "Groups that one session may be in."),
        Setting("heartbeatInterval", .seconds(0.2...day), \.server.heartbeatInterval, "The time between pings."),
        Setting(
            "heartbeatTimeout", .seconds(0.1...day), \.server.heartbeatTimeout,
            "The time within which a ping must be answered."),
        Setting(
            "resumeWindow", .seconds(0...Int(day)), \.server.resumeWindow,
            "How long a lost client is 'suspect'."),
        Setting(
            "routing", .choice, \.routing, "How a push finds its client: directed or shared.", needs: "redis"),
        Setting(
            "duplicates", .choice, \.server.duplicates,
            "Which of two sessions of one client stays: newest, or reject the newer."),
        Setting(
            "drainDelay", .seconds(0...day), \.server.drainDelay,
            "The time in which a load balancer notices that the node stops, before clients are sent away."),
        Setting("drainRate", .count(), \.server.drainRate, "Connections closed a second when the node stops."),
        Setting("drainLimit", .seconds(0...day), \.server.drainLimit, "The time that stopping may take."),
        Setting(
            "rebalance", .percent, \.server.rebalance,
            "Percent of its clients a minute that a node with more than its share sends to others; 0 is off."),
        Setting(
            "trustedProxies", .networks, \.server.trustedProxies, "Networks whose X-Forwarded-For is believed."),
        Setting("loops", .count(0...1024), \.server.loops, "Event loops; 0 takes one for each core."),
        Setting(
            "diagnostics", .toggle, \.server.diagnostics, "Serve /ws/echo, for probing the way through a proxy."),
        Setting("metrics", .toggle, \.server.metrics, "Serve /metrics for Prometheus."),
        Setting("logLevel", .choice, \.logLevel, "The least that is logged."),
        Setting("logFormat", .choice, \.logFormat, "How the log is written."),
    ]
}

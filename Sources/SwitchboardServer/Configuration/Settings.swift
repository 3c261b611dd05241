import Logging
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis

extension Setting {
    /// Seconds beyond which a time is a mistake.
    private static let day = 86_400.0
    private static let timeToLive = 1...Int(PushOptionsReader.maximumTimeToLive)

    /// Every setting of a node, in the order of the help. How to add one: docs/architecture.md.
    public static let all: [Setting] = node + authentication

    private static let node: [Setting] = [
        Setting("host", .host, \.server.host, "Where to listen."),
        Setting("port", .port, \.server.port, "The port; 0 takes a free one."),
        Setting(
            "redis", .redisURL, \.redisURL,
            "Redis, as redis://[USER:PASSWORD@]HOST:PORT[/DATABASE], redis+sentinel://HOST:PORT,.../MASTER or "
                + "redis+cluster://HOST:PORT,...; rediss for TLS.", absence: "none, a single node"),
        Setting(
            "redisCA", .text, \.redisCA, "For rediss: a PEM file with the certificates to trust.",
            absence: "those of the system", needs: "redis"),
        Setting(
            "redisCertificateName", .text, \.redisCertificateName, "For rediss: the name in the certificates.",
            absence: "the host that is connected to", needs: "redis"),
        Setting(
            "minReplicas", .count(0...100), \.minReplicas,
            "Replicas that must have a durable push before it is answered with success.", needs: "redis"),
        Setting("prefix", .name, \.prefix, "What all names in Redis begin with.", needs: "redis"),
        Setting(
            "nodeId", .name, \.node, "The name of this node; it has to differ from node to node.",
            absence: "the host's name and something random"),
        Setting(
            "allowAnonymous", .toggle, \.server.allowAnonymous,
            "Let clients connect without a token; where there are neither keys nor tokens, let anybody do anything."),
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
        Setting("publishRate", .count(), \.server.publishRate, "Pushing requests a second of each caller, then 429."),
        Setting("acceptRate", .count(), \.server.acceptRate, "New connections a second, then 503."),
        Setting("maxConnections", .count(), \.server.maximumConnections, "Connections of this node, then 503."),
        Setting(
            "maxConnectionsPerAddress", .count(), \.server.maximumConnectionsPerAddress,
            "Connections from one address, or IPv6 network of 64 bits, then 429; trusted proxies count as whom they name."
        ),
        Setting(
            "maxPlainConnections", .count(), \.server.maximumPlainConnections,
            "Connections that are no sessions, such as those of backends, then 503."),
        Setting(
            "inboundRate", .bytes, \.server.inboundRate,
            "Bytes a second of one client, with 512 more for each frame; twice as many at once."),
        Setting(
            "headTimeout", .seconds(0.1...day), \.server.headTimeout,
            "The time within which the head of a request must have come."),
        Setting(
            "bodyTimeout", .seconds(0.1...day), \.server.bodyTimeout,
            "The time within which the body of a request must have come, of NDJSON each line."),
        Setting(
            "answerTimeout", .seconds(0.1...day), \.server.answerTimeout,
            "The time for which a caller may leave its answer unread."),
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
            "trustedProxies", .networks, \.server.trustedProxies,
            "Networks whose X-Forwarded-For and PROXY header are believed."),
        Setting(
            "proxyProtocol", .toggle, \.server.proxyProtocol,
            "Every connection begins with a PROXY header (version 1 or 2); only trustedProxies may connect."),
        Setting(
            "tlsCertificate", .file, \.server.tls.certificate,
            "Speak TLS: a PEM file with the certificate, then its chain.", absence: "no TLS", needs: "tlsKey"),
        Setting(
            "tlsKey", .file, \.server.tls.key, "A PEM file with the certificate's key.", absence: "no TLS",
            needs: "tlsCertificate"),
        Setting(
            "tlsReloadInterval", .seconds(0...day), \.server.tls.reloadInterval,
            "The time between two looks whether these files have changed; 0 leaves it to SIGHUP.",
            needs: "tlsCertificate"),
        Setting(
            "tlsHandshakes", .count(), \.server.tls.handshakeLimit,
            "TLS handshakes that may be under way; beyond it one that lasts gives way.", needs: "tlsCertificate"),
        Setting(
            "upstream", .choice, \.server.upstream,
            "Where messages of clients go: the stream in Redis, the webhook, both or nowhere."),
        Setting(
            "upstreamLimit", .count(), \.server.upstreamLimit, "Messages that the stream in Redis keeps, about."),
        Setting(
            "webhookURL", .webURL, \.server.webhooks.url, "Where events are posted to.", absence: "nowhere"),
        Setting(
            "webhookSecret", .webhookSecrets, \.server.webhooks.secrets,
            "What requests are signed with; several while one replaces another.", isSecret: true,
            needs: "webhookURL", "connectingURL"),
        Setting(
            "webhookEvents", .webhookEvents, \.server.webhooks.events, "The events that are told.", needs: "webhookURL"),
        Setting(
            "webhookGrace", .seconds(0...3600), \.server.webhooks.grace,
            "How long a client may be gone without anybody hearing of it.", needs: "webhookURL"),
        Setting(
            "webhookRetry", .seconds(1...604_800), \.server.webhooks.retry,
            "How long delivery of an event is tried.", needs: "webhookURL"),
        Setting(
            "webhookTimeout", .seconds(0.1...300), \.server.webhooks.timeout, "The time that one request may take.",
            needs: "webhookURL"),
        Setting(
            "webhookBatch", .count(1...1000), \.server.webhooks.batch,
            "Events of one request; with 1 a request has one event instead of a list.", needs: "webhookURL"),
        Setting(
            "webhookRequests", .count(1...WebhookLane.count), \.server.webhooks.requests,
            "Requests under way at once, of all nodes together.", needs: "webhookURL"),
        Setting(
            "webhookLimit", .count(), \.server.webhooks.limit, "Events that may wait.", needs: "webhookURL"),
        Setting(
            "webhookBytes", .bytes, \.server.webhooks.byteLimit, "Bytes of events that may wait.", needs: "webhookURL"),
        Setting(
            "webhookSource", .text, \.server.webhooks.source, "What events say of their origin.",
            absence: "urn:switchboard:PREFIX", needs: "webhookURL", "connectingURL"),
        Setting(
            "connectingURL", .webURL, \.server.webhooks.connectingURL, "Who is asked before a client may connect.",
            absence: "nobody"),
        Setting(
            "connectingTimeout", .seconds(0.05...WebhookConfiguration.longestConnecting),
            \.server.webhooks.connectingTimeout, "The time within which it must answer.", needs: "connectingURL"),
        Setting(
            "connectingDefault", .choice, \.server.webhooks.connectingDefault,
            "What a client gets when it does not answer.", needs: "connectingURL"),
        Setting(
            "alertRules", .alertRules, \.server.alertRules,
            "When a client is in alarm by its health: NAME: FIELD OP VALUE [for SECONDS] [amber or red]; FIELD alone may be "
                + "offline."),
        Setting(
            "compression", .toggle, \.server.compression,
            "Compress messages of 128 bytes or more for clients that offer it (permessage-deflate)."),
        Setting("loops", .count(0...1024), \.server.loops, "Event loops; 0 takes one for each core."),
        Setting(
            "diagnostics", .toggle, \.server.diagnostics, "Serve /ws/echo, for probing the way through a proxy."),
        Setting("metrics", .toggle, \.server.metrics, "Serve /metrics for Prometheus."),
        Setting("console", .toggle, \.server.console, "Serve the console for operators at /console/."),
        Setting(
            "consoleLibraries", .text, \.server.consoleLibraries,
            "The folder with Chart.js and xterm.js for the console, as Debian's packages install them."),
        Setting("logLevel", .choice, \.logLevel, "The least that is logged."),
        Setting("logFormat", .choice, \.logFormat, "How the log is written."),
    ]
}

public import SwitchboardCore
public import SwitchboardProtocol
public import SwitchboardRedis

/// Everything a node can be told, with the defaults of the operating contract. A limit or rate of 0 means none.
public struct ServerConfiguration: Sendable {
    /// Where to listen. Other than loopback needs keys, or ``allowAnonymous``.
    public var host = "127.0.0.1"
    /// 0 takes a free port.
    public var port = 8080
    /// Redis; nil makes a complete single node.
    public var redis: RedisConfiguration?
    public var node: NodeID
    /// Where there are neither keys nor tokens: anybody may connect and push, also from other machines. Where there are: clients
    /// may connect without a token.
    public var allowAnonymous = false
    /// Keys and tokens.
    public var auth = AuthConfiguration()

    /// The longest message of a client, in bytes.
    public var inboundLimit = 64 * 1024
    /// The longest request body, in bytes.
    public var bodyLimit = 256 * 1024
    /// Bytes that may wait for one session ...
    public var outboundLimit = 1024 * 1024
    /// ... and pushes.
    public var outboundPushes = 1000
    /// Messages a second of one client ...
    public var messageRate = 50
    /// ... and how many may come at once.
    public var messageBurst = 100
    /// Requests a second of each caller that push.
    public var publishRate = 1000
    /// Connections a second; beyond it 503 with `Retry-After`.
    public var acceptRate = 2000
    public var maximumConnections = 50_000
    /// Connections from one address; of IPv6 from one network of 64 bits. ``trustedProxies`` are not counted themselves, but
    /// those whom they name.
    public var maximumConnectionsPerAddress = 5000
    /// Connections that are no sessions: plain HTTP, and those that have not said what they are.
    public var maximumPlainConnections = 10_000
    /// Bytes a second that one client may send; each frame counts as ``frameCost`` bytes more than it has.
    public var inboundRate = 4 * 1024 * 1024
    /// So that a flood of empty frames is a flood as well.
    static let frameCost = 512
    /// Seconds within which a request's head, and the first request of a connection, must have come.
    public var headTimeout = 10.0
    /// Seconds within which a request's body must have come; of a stream of lines each line.
    public var bodyTimeout = 60.0
    /// Seconds for which a caller may leave its answer unread.
    public var answerTimeout = 60.0
    /// Groups of one session.
    public var maximumGroups = 100

    /// Pushes that may wait in the mailbox of one client ...
    public var mailboxLimit = 100
    /// ... and bytes.
    public var mailboxBytes = 256 * 1024
    /// What happens to a push for which there is no room.
    public var mailboxOverflow = MailboxLimits.Overflow.refuse
    /// Seconds for which a push is kept in a mailbox unless it says otherwise.
    public var mailboxTTL = 86_400
    /// Pushes that the history of one channel keeps.
    public var historyLimit = 1000
    /// Seconds for which a push is kept in a history unless it says otherwise.
    public var historyTTL = 3600

    var keeping: KeepingLimits {
        KeepingLimits(
            mailbox: MailboxLimits(pushes: mailboxLimit, bytes: mailboxBytes, overflow: mailboxOverflow),
            mailboxTTL: mailboxTTL, historyPushes: historyLimit, historyTTL: historyTTL)
    }

    /// Seconds between pings; spread by 10 % per session.
    public var heartbeatInterval = 25.0
    /// Seconds within which a life sign must follow a ping.
    public var heartbeatTimeout = 10.0
    /// Seconds for which a lost client is `suspect`.
    public var resumeWindow = ResumeWindow.standard
    public var duplicates = DuplicatePolicy.newest
    /// Where messages of clients go.
    public var upstream = UpstreamDestination.stream
    /// Messages that the stream in Redis keeps, about.
    public var upstreamLimit = 100_000
    public var webhooks = WebhookConfiguration()
    /// When a client is in alarm, by the health that it tells. All nodes of a cluster need the same.
    public var alertRules = AlertRule.standard
    /// Seconds in which a load balancer notices that the node is not ready, before clients are sent away.
    public var drainDelay = 5.0
    /// Connections closed a second while draining, more when they would not all be gone within ``drainLimit``.
    public var drainRate = 500
    /// Seconds that draining may take, with ``drainDelay``.
    public var drainLimit = 60.0
    /// Seconds within which the process ends, whatever happens, once it was asked to; nil when nothing limits it.
    var longestStop: Double? { drainLimit > 0 ? drainLimit + 5 : nil }
    /// Percent of its sessions a minute that a node sends to others while it has more than its share; 0 is off.
    public var rebalance = 0.0
    /// Clients that offer `permessage-deflate` are answered with it.
    public var compression = false
    /// Serves `/ws/echo`.
    public var diagnostics = false
    /// Serves `/metrics`.
    public var metrics = true
    /// Serves `/console/`.
    public var console = true
    /// The folder with the libraries of others that the console uses.
    public var consoleLibraries = "/usr/share/javascript"
    /// Networks whose `X-Forwarded-For` and whose PROXY header is believed.
    public var trustedProxies: [AddressRange] = AddressRange.loopback
    /// Every connection begins with a header of the PROXY protocol.
    public var proxyProtocol = false
    public var tls = TLSSettings()
    /// Event loops; 0 takes one for each core.
    public var loops = 0

    public init(node: NodeID) { self.node = node }

    /// Whether only this machine can reach the node.
    var isLoopback: Bool { host == "localhost" || AddressRange.loopback.contains { $0.contains(host) } }

    /// Why the configuration cannot be used, in one line.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    /// - Throws: ``Problem`` when a value is wrong, or the configuration is unsafe or contradictory.
    public func validate() throws(Problem) {
        let settings = NodeSettings(self)
        for setting in Setting.all { try setting.check(settings) }
        try auth.validate(allowAnonymous: allowAnonymous)
        _ = try AccessPolicy(self)
        try webhooks.validate(upstream: upstream)
        for (index, rule) in alertRules.enumerated()
        where alertRules[..<index].contains(where: { $0.name == rule.name }) {
            throw Problem("alertRules: there are two rules '\(rule.name)': give each a name of its own")
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw Problem("tlsCertificate: it goes with tlsKey: give both or neither")
        }
        guard !proxyProtocol || !trustedProxies.isEmpty else {
            throw Problem("proxyProtocol: nobody may connect unless trustedProxies names who is a proxy")
        }
        guard drainLimit == 0 || drainDelay < drainLimit else {
            throw Problem("drainDelay: it must be less than drainLimit (\(drainLimit) s)")
        }
    }
}

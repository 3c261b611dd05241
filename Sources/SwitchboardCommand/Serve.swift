import ArgumentParser
import Logging
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import SwitchboardServer

/// `switchboard serve`: one node.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a node: HTTP and WebSocket on one port.",
        discussion:
            "Without --redis it is a complete single node. A limit or rate of 0 means none; sizes take KB and MB.")

    @Option(help: "Where to listen.") var host = "127.0.0.1"
    @Option(help: "The port; 0 takes a free one.") var port = 8080
    @Option(help: "Redis, as redis://[USER:PASSWORD@]HOST:PORT[/DATABASE] or rediss://. (default: none, a single node)")
    var redis: String?
    @Option(help: "What all names in Redis begin with.") var prefix = GroupName(unchecked: "sb")
    @Option(help: "The name of this node. (default: the host's name and something random)") var nodeId: NodeID?
    @Flag(help: "Let anybody connect and push, also from other machines.") var allowAnonymous = false
    @Option(help: "The longest message of a client.") var inboundLimit = ByteCount(64 * 1024)
    @Option(help: "The longest request body.") var bodyLimit = ByteCount(256 * 1024)
    @Option(help: "Bytes that may wait for one session.") var outboundLimit = ByteCount(1024 * 1024)
    @Option(help: "Pushes that may wait for one session.") var outboundPushes = 1000
    @Option(help: "Pushes that may wait in one client's mailbox.") var mailboxLimit = 100
    @Option(help: "Bytes that may wait in one client's mailbox.") var mailboxBytes = ByteCount(256 * 1024)
    @Option(help: "What happens when a mailbox is full: refuse the push, or displace the oldest.") var mailboxOverflow =
        MailboxLimits.Overflow.refuse
    @Option(help: "Seconds for which a mailbox keeps a push that says nothing else.") var mailboxTTL = 86_400
    @Option(help: "Pushes that the history of one channel keeps.") var historyLimit = 1000
    @Option(help: "Seconds for which a history keeps a push that says nothing else.") var historyTTL = 3600
    @Option(help: "Messages a second of one client.") var messageRate = 50
    @Option(help: "Messages of one client that may come at once.") var messageBurst = 100
    @Option(help: "Pushing requests a second, then 429.") var publishRate = 1000
    @Option(help: "New connections a second, then 503.") var acceptRate = 2000
    @Option(help: "Connections of this node.") var maxConnections = 50_000
    @Option(help: "Seconds between pings.") var heartbeatInterval = 25.0
    @Option(help: "Seconds within which a ping must be answered.") var heartbeatTimeout = 10.0
    @Option(help: "Seconds for which a lost client is 'suspect'.") var resumeWindow = 60
    @Option(help: "How a push finds its client: directed or shared.") var routing = RedisConfiguration.Routing.directed
    @Option(help: "Which of two sessions of one client stays: newest, or reject the newer.") var duplicates =
        DuplicatePolicy.newest
    @Option(help: "Connections closed a second when the node stops.") var drainRate = 500
    @Option(help: "Seconds that stopping may take.") var drainLimit = 60.0
    @Option(parsing: .upToNextOption, help: "Networks whose X-Forwarded-For is believed. (default: loopback)")
    var trustedProxies: [AddressRange] = []
    @Option(help: "Event loops; 0 takes one for each core.") var loops = 0
    @Flag(help: "Serve /ws/echo, for probing the way through a proxy.") var diagnostics = false
    @Option(help: "trace, debug, info, notice, warning, error or critical.", transform: LogLevel.parse)
    var logLevel = Logger.Level.info

    func validate() throws {
        if let redis { _ = try Serve.redis(redis, node: NodeID(unchecked: "node")) }
    }

    func run() async throws {
        var logger = Logger(label: "switchboard")
        logger.logLevel = logLevel
        let configuration = try serverConfiguration()
        logger[metadataKey: "node"] = "\(configuration.node)"
        let server: SwitchboardServer
        do throws(ServerConfiguration.Problem) {
            server = try SwitchboardServer(configuration: configuration, logger: logger)
        } catch {
            throw ValidationError(error.description)
        }
        let host = configuration.host
        try await server.run { port in
            try? Output.line("switchboard listens on http://\(host):\(port)")
        }
    }

    private static func redis(_ url: String, node: NodeID) throws -> RedisConfiguration {
        do throws(RedisConfigurationError) {
            return try RedisConfiguration(url: url, node: node)
        } catch {
            throw ValidationError("--redis: \(error)")
        }
    }

    private func serverConfiguration() throws -> ServerConfiguration {
        let node = nodeId ?? HostName.nodeID()
        var configuration = ServerConfiguration(node: node)
        configuration.host = host
        configuration.port = port
        if let redis {
            var settings = try Serve.redis(redis, node: node)
            settings.prefix = prefix
            settings.routing = routing
            settings.resumeWindow = .seconds(resumeWindow)
            configuration.redis = settings
        }
        configuration.allowAnonymous = allowAnonymous
        configuration.inboundLimit = inboundLimit.bytes
        configuration.bodyLimit = bodyLimit.bytes
        configuration.outboundLimit = outboundLimit.bytes
        configuration.mailboxLimit = mailboxLimit
        configuration.mailboxBytes = mailboxBytes.bytes
        configuration.mailboxOverflow = mailboxOverflow
        configuration.mailboxTTL = mailboxTTL
        configuration.historyLimit = historyLimit
        configuration.historyTTL = historyTTL
        configuration.outboundPushes = outboundPushes
        configuration.messageRate = messageRate
        configuration.messageBurst = messageBurst
        configuration.publishRate = publishRate
        configuration.acceptRate = acceptRate
        configuration.maximumConnections = maxConnections
        configuration.heartbeatInterval = heartbeatInterval
        configuration.heartbeatTimeout = heartbeatTimeout
        configuration.resumeWindow = resumeWindow
        configuration.duplicates = duplicates
        configuration.drainRate = drainRate
        configuration.drainLimit = drainLimit
        if !trustedProxies.isEmpty { configuration.trustedProxies = trustedProxies }
        configuration.loops = loops
        configuration.diagnostics = diagnostics
        return configuration
    }
}

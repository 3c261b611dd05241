import Logging
import SwitchboardProtocol
import SwitchboardRedis

/// The values that the rows of ``Setting/all`` write to, with their defaults.
struct NodeSettings: Sendable {
    var logLevel = Logger.Level.info
    var logFormat = LogFormat.plain
    var server: ServerConfiguration
    var node: NodeID?
    var redisURL: String?
    var redisCA: String?
    var redisCertificateName: String?
    var minReplicas = 0
    var prefix = GroupName(unchecked: "sb")
    var routing = RedisConfiguration.Routing.directed

    init() { self.init(ServerConfiguration(node: NodeID(unchecked: "node"))) }

    init(_ server: ServerConfiguration) { self.server = server }

    /// What the settings mean for a node. A node that has no name is given one, another one each time.
    func configuration() throws(ServerConfiguration.Problem) -> ServerConfiguration {
        var configuration = server
        configuration.node = node ?? HostName.nodeID()
        if let redisURL {
            do throws(RedisConfigurationError) {
                var redis = try RedisConfiguration(url: redisURL, node: configuration.node)
                redis.prefix = prefix
                redis.routing = routing
                redis.trustRoots = redisCA
                redis.certificateName = redisCertificateName
                redis.minReplicas = minReplicas
                redis.resumeWindow = .seconds(configuration.resumeWindow)
                configuration.redis = redis
            } catch { throw ServerConfiguration.Problem("redis: \(error)") }
        }
        return configuration
    }
}

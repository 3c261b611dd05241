public import SwitchboardProtocol
import SwitchboardTLS

/// How a node reaches Redis and what it asks of it.
public struct RedisConfiguration: Sendable {
    /// How targeted pushes reach the node that owns the client.
    public enum Routing: String, Sendable, CaseIterable {
        /// Over that node's own channel: one delivery however many nodes there are.
        case directed
        /// Over the shared channel: every node looks, the owner delivers.
        case shared
    }

    public var address: RedisAddress
    /// For `rediss://`: a PEM file with the certificates to trust; nil trusts those of the system.
    public var trustRoots: String?
    /// For `rediss://`: the name that every server's certificate must be for; nil takes the host that was connected to. Needed
    /// where Sentinels or a Redis Cluster name their servers by addresses that the certificates do not have.
    public var certificateName: String?
    /// This node.
    public var node: NodeID
    /// What every key and channel begins with, so that several clusters can share one Redis.
    public var prefix: GroupName
    public var routing = Routing.directed
    /// Replicas that must have what is kept for clients and backends (durable pushes, upstream messages) before it is answered
    /// with success; 0 does not ask.
    public var minReplicas = 0
    /// How long these may take.
    public var replicaTimeout = Duration.milliseconds(500)

    /// Commands that may wait for their reply at once; beyond it they fail with ``BusError/overloaded``.
    public var commandLimit = 32_768
    /// Bytes that these commands may have.
    public var commandByteLimit = 256 << 20
    /// A reply that takes longer ends the connection, because replies come in order.
    public var commandTimeout = Duration.seconds(5)
    public var connectTimeout = Duration.seconds(2)
    /// The most bytes of one reply or message. A longer one ends the connection.
    public var messageLimit = 64 << 20

    /// How often the way through Redis and back is tried.
    public var probeInterval = Duration.seconds(5)
    /// How long a canary may take before both connections are given up.
    public var canaryTimeout = Duration.seconds(10)
    /// The wait before a new connection, jittered: it begins with `min` and doubles up to `max`. With the time that
    /// connecting and the proof take, the longest stays well below the five seconds in which a cluster must be back.
    public var reconnect = (min: Duration.milliseconds(250), max: Duration.seconds(3))

    /// How long the record of a client that is not online is kept.
    public var recordLifetime = Duration.seconds(7 * 24 * 3600)
    /// How long a client that was lost is `suspect`.
    public var resumeWindow = Duration.seconds(60)
    /// How long a node lives after its last beat.
    public var leaseLifetime = Duration.seconds(10)
    /// How long the link must have been open before other nodes are declared dead: when Redis was away all leases have ended,
    /// and the others need the time to come back.
    public var reapGrace = Duration.seconds(10)
    /// Upstream messages kept for the backends, about.
    public var upstreamLimit = 100_000

    /// What is kept for clients goes another way than the rest: one does not come behind the other.
    var writesApart: Bool {
        if case .cluster = address.topology { return true }
        return minReplicas > 0
    }

    /// - Throws: ``RedisConfigurationError`` when the URL is not understood.
    public init(url: String, node: NodeID) throws(RedisConfigurationError) {
        self.address = try RedisAddress(url: url)
        self.node = node
        self.prefix = GroupName(unchecked: "sb")
    }

    /// Reads ``trustRoots`` once: a wrong file would be tried for ever, at every attempt to connect. It blocks.
    ///
    /// - Throws: ``RedisConfigurationError`` when the file cannot be used, or is given where nothing is encrypted.
    public func checkTrustRoots() throws(RedisConfigurationError) {
        guard let trustRoots else { return }
        guard address.isTLS else { throw .trustRootsWithoutTLS }
        do throws(PEMFile.Fault) { try PEMFile.checkTrustRoots(trustRoots) } catch {
            throw .trustRoots(error.description)
        }
    }
}

/// What is wrong with the settings for Redis. The description is fit for a person who has to correct them.
public enum RedisConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    case notAURL
    case unknownScheme(String)
    case invalidHost
    case invalidPort(String)
    case invalidDatabase(String)
    case userWithoutPassword
    case invalidEscape
    case noMasterName
    case severalHosts
    case databaseOfCluster
    /// The text says what is wrong with the file.
    case trustRoots(String)
    case trustRootsWithoutTLS

    public var description: String {
        switch self {
        case .notAURL: "the Redis URL must look like redis://[user:password@]host[:port][/database]"
        case .unknownScheme(let scheme):
            "unknown scheme '\(scheme)' in the Redis URL: use redis://, redis+sentinel:// or redis+cluster://, "
                + "or rediss instead of redis for TLS"
        case .invalidHost: "the Redis URL names no host"
        case .invalidPort(let port): "'\(port)' in the Redis URL is not a port"
        case .invalidDatabase(let database): "'\(database)' in the Redis URL is not the number of a database"
        case .userWithoutPassword: "the Redis URL names a user without a password"
        case .invalidEscape: "the Redis URL has a '%' that is not followed by two hexadecimal digits"
        case .noMasterName: "the Redis URL lacks the master's name: redis+sentinel://host:port,host:port/NAME"
        case .severalHosts: "the Redis URL names several hosts: use redis+sentinel:// or redis+cluster://"
        case .trustRoots(let text): text
        case .trustRootsWithoutTLS: "it does nothing without rediss in the Redis URL: give both or neither"
        case .databaseOfCluster: "a Redis Cluster has no databases but 0"
        }
    }
}

public import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What a Redis server tells of itself: for checks of a cluster's surroundings.
public struct RedisInspection: Sendable {
    /// Its host and port.
    public let address: String
    /// The fields of `INFO`.
    public let information: [String: String]
    /// The setting `client-output-buffer-limit`; nil when this user may not read settings.
    public let outputBufferLimits: String?
    /// Seconds by which the clock of Redis is ahead of this machine's.
    public let clockLead: Double
    /// Seconds to Redis and back, the best of some; ``clockLead`` is wrong by half of it at most.
    public let roundTrip: Double
    /// The nodes of the cluster, each with the seconds by which its clock is ahead of that of Redis.
    public let nodeClockLeads: [(node: String, seconds: Double)]

    package init(
        address: String, information: [String: String], outputBufferLimits: String?, clockLead: Double,
        roundTrip: Double,
        nodeClockLeads: [(node: String, seconds: Double)]
    ) {
        self.address = address
        self.information = information
        self.outputBufferLimits = outputBufferLimits
        self.clockLead = clockLead
        self.roundTrip = roundTrip
        self.nodeClockLeads = nodeClockLeads
    }

    /// Looks at the Redis, or at the master that the Sentinels name, or at each master of the Redis Cluster.
    ///
    /// - Throws: `BusError` when one cannot be found or reached, does not let this user in, or cannot be asked.
    public static func inspect(
        _ configuration: RedisConfiguration, on group: any EventLoopGroup
    ) async throws -> [RedisInspection] {
        do {
            let keys = RedisKeys(prefix: configuration.prefix.rawValue)
            let (endpoints, map) = try await masters(configuration, group)
            let keeper = map?.master(of: KeySlot.of(keys.nodes))
            var inspections: [RedisInspection] = []
            for endpoint in endpoints {
                // In a Redis Cluster one of them keeps what is known of the nodes.
                let nodes = keeper == nil || keeper == endpoint ? keys : nil
                inspections.append(try await inspect(endpoint, nodes, configuration, group))
            }
            return inspections
        } catch let trouble as RedisTrouble { throw trouble.busError }
    }

    private static func masters(
        _ configuration: RedisConfiguration, _ group: any EventLoopGroup
    ) async throws -> ([RedisEndpoint], SlotMap?) {
        let guide = TopologyGuide(
            configuration: configuration, sources: SourceList(configuration.address.endpoints), group: group)
        switch configuration.address.topology {
        case .single: return (configuration.address.endpoints, nil)
        case .sentinel(let name): return ([try await guide.master(name)], nil)
        case .cluster:
            let map = try await guide.slots()
            return (map.masters, map)
        }
    }

    /// - Parameter nodes: Names of what is known of the nodes; nil when another server has it.
    private static func inspect(
        _ endpoint: RedisEndpoint, _ nodes: RedisKeys?, _ configuration: RedisConfiguration, _ group: any EventLoopGroup
    ) async throws -> RedisInspection {
        let connection = try await RedisConnection.connect(
            configuration, to: endpoint, name: "switchboard:doctor", on: group.next(),
            events: .init(delivered: { _ in }, closed: { _ in }))
        defer { connection.close(.stopped) }
        let clock = try await clock(connection)
        var nodeClockLeads: [(node: String, seconds: Double)] = []
        if let nodes { nodeClockLeads = try await nodeClocks(connection, nodes, configuration) }
        return RedisInspection(
            address: "\(endpoint)",
            information: information(try await ask(connection, "INFO")),
            outputBufferLimits: try await setting("client-output-buffer-limit", connection),
            clockLead: clock.lead, roundTrip: clock.roundTrip, nodeClockLeads: nodeClockLeads)
    }

    private static func ask(_ connection: RedisConnection, _ words: String...) async throws -> RESPReply {
        try await connection.ask { buffer in
            buffer.command(arguments: words.count)
            for word in words { buffer.argument(word) }
        }
    }

    private static func information(_ reply: RESPReply) -> [String: String] {
        var fields: [String: String] = [:]
        for line in (reply.text ?? "").split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        return fields
    }

    /// - Returns: nil when Redis refuses, as managed ones do.
    private static func setting(_ name: String, _ connection: RedisConnection) async throws -> String? {
        let outcome = await withCheckedContinuation { continuation in
            connection.send(.raw { continuation.resume(returning: $0) }) { buffer in
                buffer.command(arguments: 3)
                buffer.argument("CONFIG" as StaticString)
                buffer.argument("GET" as StaticString)
                buffer.argument(name)
            }
        }
        guard case .array(let elements) = try outcome.get(), elements.count == 2 else { return nil }
        return elements[1].text
    }

    private static func clock(_ connection: RedisConnection) async throws -> (lead: Double, roundTrip: Double) {
        var best = (lead: 0.0, roundTrip: Double.infinity)
        for _ in 0..<5 {
            let (start, began) = (NIODeadline.now(), WallClock.milliseconds())
            let reply = try await ask(connection, "TIME")
            let roundTrip = Double((NIODeadline.now() - start).nanoseconds) / 1e9
            guard let parts = reply.elements, parts.count == 2, let seconds = parts[0].integer,
                let microseconds = parts[1].integer
            else { throw BusError.unavailable("TIME was answered with something else") }
            let theirs = Double(seconds) + Double(microseconds) / 1e6
            if roundTrip < best.roundTrip { best = (theirs - Double(began) / 1000 - roundTrip / 2, roundTrip) }
        }
        return best
    }

    /// A lease ends by the clock of Redis, and its description says what the node's clock showed when it was renewed.
    private static func nodeClocks(
        _ connection: RedisConnection, _ keys: RedisKeys, _ configuration: RedisConfiguration
    ) async throws -> [(node: String, seconds: Double)] {
        let leases = try await ask(connection, "ZRANGE", keys.nodes, "0", "-1", "WITHSCORES").elements ?? []
        let descriptions = try await ask(connection, "HGETALL", keys.nodesInfo).elements ?? []
        let lifetime = configuration.leaseLifetime / .milliseconds(1)
        var renewals: [String: Double] = [:]
        for (node, end) in pairs(leases) {
            if let node = node.text, let end = end.text.flatMap(Double.init) { renewals[node] = end - lifetime }
        }
        return pairs(descriptions).compactMap { node, description in
            guard let node = node.text, let renewal = renewals[node], case .bulk(let json) = description,
                let clock = NodeClock.reading(json)
            else { return nil }
            return (node, (clock - renewal) / 1000)
        }
    }

    private static func pairs(_ list: [RESPReply]) -> [(RESPReply, RESPReply)] {
        stride(from: 0, to: list.count - 1, by: 2).map { (list[$0], list[$0 + 1]) }
    }
}

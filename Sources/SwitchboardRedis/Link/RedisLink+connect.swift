import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension RedisLink {
    /// Makes the connections of one life: finds the masters, then subscribes.
    ///
    /// - Parameters:
    ///   - wires: Gets every connection that is made, also when this fails.
    ///   - lost: Called when one of them ends, or another server becomes the master.
    /// - Returns: What watches over the topology, besides.
    /// - Throws: ``RedisTrouble``.
    func connect(
        _ wires: Wires, _ guide: TopologyGuide, _ inlet: SubscriptionInlet,
        lost: @escaping @Sendable (RedisTrouble) -> Void
    ) async throws -> (ready: Ready, watching: Task<Void, Never>?) {
        let maker = ConnectionMaker(link: self, wires: wires, lost: lost)
        switch configuration.address.topology {
        case .single:
            return (try await one(configuration.address.endpoints[0], maker, inlet), nil)
        case .sentinel(let name):
            let master = try await guide.master(name)
            let ready = try await one(master, maker, inlet)
            let watching = Task { await guide.watch(name, master) { lost(.switched("\($0)")) } }
            return (ready, watching)
        case .cluster:
            let map = try await guide.slots()
            return (try await many(map, maker, inlet, lost: lost), nil)
        }
    }

    private func one(
        _ endpoint: RedisEndpoint, _ maker: ConnectionMaker, _ inlet: SubscriptionInlet
    ) async throws -> Ready {
        let (master, scripts) = try await maker.master(endpoint)
        let subscriber = try await maker.subscriber(endpoint, inlet, on: group.next())
        subscriber.subscribe(to: inlet.connected(), by: dialect)
        return Ready(master, scripts: scripts)
    }

    private func many(
        _ map: SlotMap, _ maker: ConnectionMaker, _ inlet: SubscriptionInlet,
        lost: @escaping @Sendable (RedisTrouble) -> Void
    ) async throws -> Ready {
        let outcomes = await withTaskGroup(of: Result<(Ready.Master, ScriptTable), any Error>.self) { tasks in
            for endpoint in map.masters {
                tasks.addTask {
                    do { return .success(try await maker.master(endpoint)) } catch { return .failure(error) }
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        let masters = try outcomes.map { try $0.get() }
        guard let (first, scripts) = masters.first else { throw RedisTrouble.clusterDown("it has no master") }
        let others = masters.dropFirst().map(\.0)
        let router = ClusterRouter(
            masters: Dictionary(uniqueKeysWithValues: masters.map { ($0.0.endpoint, $0.0) }), map: map, keys: keys,
            node: configuration.node.rawValue, lost: lost)

        // Both on one event loop: the receiver hears one message at a time.
        let loop = group.next()
        var channels: [RedisEndpoint: [String]] = [:]
        for channel in inlet.connected() {
            guard let endpoint = map.master(of: KeySlot.of(channel)) else {
                throw RedisTrouble.clusterDown("nobody has the slot of \(channel)")
            }
            channels[endpoint, default: []].append(channel)
        }
        for (endpoint, names) in channels {
            try await maker.subscriber(endpoint, inlet, on: loop).subscribe(to: names, by: dialect)
        }
        return Ready(first, others: others, scripts: scripts, router: router)
    }
}

/// Makes connections that end the life of the link when they end.
struct ConnectionMaker: Sendable {
    let link: RedisLink
    let wires: Wires
    let lost: @Sendable (RedisTrouble) -> Void

    /// - Throws: ``RedisTrouble/readOnly`` when it is none.
    func master(_ endpoint: RedisEndpoint) async throws -> (Ready.Master, ScriptTable) {
        let commands = try await connection(to: endpoint, "commands", on: link.group.next())
        try await Self.checkRole(of: commands)
        let scripts = try await ScriptTable(loadedBy: commands, isCluster: link.isCluster)
        var writer: ReplicatedWriter?
        if link.configuration.minReplicas > 0 {
            let kept = try await connection(to: endpoint, "writer", on: link.group.next())
            writer = ReplicatedWriter(connection: kept, configuration: link.configuration)
        }
        return (Ready.Master(endpoint: endpoint, connection: commands, writer: writer), scripts)
    }

    func subscriber(
        _ endpoint: RedisEndpoint, _ inlet: SubscriptionInlet, on loop: any EventLoop
    ) async throws -> RedisConnection {
        try await connection(to: endpoint, "subscriber", on: loop, symbols: inlet.symbols) { inlet.deliver($0) }
    }

    private func connection(
        to endpoint: RedisEndpoint, _ role: String, on loop: any EventLoop, symbols: [String] = [],
        delivered: @escaping @Sendable (RESPReply) -> Void = { _ in }
    ) async throws -> RedisConnection {
        let connection = try await RedisConnection.connect(
            link.configuration, to: endpoint, name: "switchboard:\(link.configuration.node):\(role)", on: loop,
            symbols: symbols, events: .init(delivered: delivered, closed: lost))
        wires.add(connection)
        return connection
    }

    private static func checkRole(of connection: RedisConnection) async throws {
        do {
            guard try await connection.demand({ $0.role() }).isRoleOfMaster else { throw RedisTrouble.readOnly }
        } catch RedisTrouble.denied {
            // A user may be without this command; then a replica shows itself by refusing to write.
        }
    }
}

import NIOCore
import SwitchboardCore
import Synchronization

/// Asks Sentinels, or servers of a Redis Cluster, who the masters are. It remembers whom else it can ask.
final class TopologyGuide: Sendable {
    private let configuration: RedisConfiguration
    private let sources: Mutex<SourceList>
    private let group: any EventLoopGroup

    init(configuration: RedisConfiguration, sources: SourceList, group: any EventLoopGroup) {
        var configuration = configuration
        // There are others to ask.
        configuration.commandTimeout = min(configuration.commandTimeout, .seconds(2))
        configuration.connectTimeout = min(configuration.connectTimeout, .seconds(1))
        if case .sentinel = configuration.address.topology { configuration.address.database = 0 }
        self.configuration = configuration
        self.sources = Mutex(sources)
        self.group = group
    }

    /// What was said of the topology did not help: another one is asked next.
    func doubt() { sources.withLock { $0.currentFailed() } }

    // MARK: Redis Cluster

    /// - Throws: ``RedisTrouble`` when nobody knows masters for all slots.
    func slots() async throws -> SlotMap {
        try await ask { [self] source, connection in
            let reply = try await connection.demand { $0.clusterSlots() }
            guard let map = SlotMap(reply, from: source.host) else {
                throw RedisTrouble.protocolError("CLUSTER SLOTS gave an unexpected answer")
            }
            guard map.isComplete else { throw RedisTrouble.clusterDown("not all slots have a master") }
            sources.withLock { $0.learn(map.masters + map.replicas) }
            return map
        }
    }

    // MARK: Sentinel

    /// - Throws: ``RedisTrouble`` when no Sentinel knows the master.
    func master(_ name: String) async throws -> RedisEndpoint {
        try await ask { [self] _, connection in
            let master = try await Self.master(name, by: connection)
            let others = try await connection.demand { $0.sentinel("SENTINELS", name) }
            sources.withLock { $0.learn(SentinelReplies.others(others)) }
            return master
        }
    }

    /// Listens to a Sentinel, and asks it now and then, until the task is cancelled.
    ///
    /// - Parameter switched: Called when another server is the master.
    func watch(_ name: String, _ master: RedisEndpoint, switched: @escaping @Sendable (RedisEndpoint) -> Void) async {
        while !Task.isCancelled {
            let source = sources.withLock { $0.current }
            do { try await follow(source, name, master, switched: switched) } catch { doubt() }
            // The pause before another one is listened to; being cancelled is how it ends.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func follow(
        _ source: RedisEndpoint, _ name: String, _ master: RedisEndpoint,
        switched: @escaping @Sendable (RedisEndpoint) -> Void
    ) async throws {
        let (ticks, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wires = Wires()
        defer { wires.close(.stopped) }
        let heard: @Sendable (RESPReply) -> Void = { reply in
            guard let parts = reply.elements, parts.count == 3, parts[0].text == "message", let text = parts[2].text,
                let newer = SentinelReplies.newMaster(text, of: name), newer != master
            else { return }
            switched(newer)
        }
        let listener = try await connect(source, closed: { continuation.finish() }, delivered: heard)
        wires.add(listener)
        listener.subscribe(to: [SentinelReplies.switched])
        let commands = try await connect(source, closed: { continuation.finish() })
        wires.add(commands)
        // What was missed before the subscription, or is not announced because the listener is cut off unnoticed.
        let interval = TimeAmount(configuration.probeInterval)
        let timer = commands.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in
            continuation.yield()
        }
        defer { timer.cancel() }
        for await _ in ticks {
            let newer = try await Self.master(name, by: commands)
            if newer != master { switched(newer) }
        }
        throw RedisTrouble.closed
    }

    private static func master(_ name: String, by connection: RedisConnection) async throws -> RedisEndpoint {
        let reply = try await connection.demand { $0.sentinel("GET-MASTER-ADDR-BY-NAME", name) }
        guard let master = SentinelReplies.master(reply) else {
            throw RedisTrouble.noMaster("the Sentinel does not know '\(name)'")
        }
        return master
    }

    // MARK: Asking

    /// Asks one after the other until one answers.
    private func ask<Answer: Sendable>(
        _ question: @Sendable (RedisEndpoint, RedisConnection) async throws -> Answer
    ) async throws -> Answer {
        var trouble: RedisTrouble = .noMaster("nobody to ask")
        for _ in 0..<sources.withLock({ $0.all.count }) {
            if Task.isCancelled { throw RedisTrouble.stopped }
            let source = sources.withLock { $0.current }
            do {
                let connection = try await connect(source, closed: {})
                defer { connection.close(.stopped) }
                return try await question(source, connection)
            } catch {
                trouble = error as? RedisTrouble ?? .unreachable("\(error)")
                doubt()
            }
        }
        throw trouble
    }

    private func connect(
        _ source: RedisEndpoint, closed: @escaping @Sendable () -> Void,
        delivered: @escaping @Sendable (RESPReply) -> Void = { _ in }
    ) async throws -> RedisConnection {
        let name = "switchboard:\(configuration.node):topology"
        func connect(_ configuration: RedisConfiguration) async throws -> RedisConnection {
            let life = ConnectionLife(closed)
            let connection = try await RedisConnection.connect(
                configuration, to: source, name: name, on: group.next(),
                events: .init(delivered: delivered, closed: { _ in life.ended() }))
            life.began()
            return connection
        }
        do {
            return try await connect(configuration)
        } catch let trouble as RedisTrouble {
            // Most Sentinels want no password, and some refuse one then.
            guard configuration.address.password != nil, case .sentinel = configuration.address.topology,
                trouble.isAboutLogin
            else { throw trouble }
            var anonymous = configuration
            (anonymous.address.user, anonymous.address.password) = (nil, nil)
            return try await connect(anonymous)
        }
    }
}

/// Tells of the end of a connection that was made; the end of one that was not is the error of making it.
private final class ConnectionLife: Sendable {
    private let state = Mutex((hasBegun: false, hasEnded: false))
    private let closed: @Sendable () -> Void

    init(_ closed: @escaping @Sendable () -> Void) { self.closed = closed }

    func began() {
        let isOver = state.withLock { state in
            state.hasBegun = true
            return state.hasEnded
        }
        if isOver { closed() }
    }

    func ended() {
        let isKnown = state.withLock { state in
            state.hasEnded = true
            return state.hasBegun
        }
        if isKnown { closed() }
    }
}

extension RedisTrouble {
    fileprivate var isAboutLogin: Bool {
        switch self {
        case .wrongPassword, .denied: true
        default: false
        }
    }
}

extension CommandBuffer {
    fileprivate mutating func sentinel(_ word: StaticString, _ name: String) {
        command(arguments: 3)
        argument("SENTINEL" as StaticString)
        argument(word)
        argument(name)
    }
}

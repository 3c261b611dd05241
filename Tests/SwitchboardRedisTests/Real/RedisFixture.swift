import BusContract
import Logging
import NIOCore
import NIOPosix
import SwitchboardCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardRedis

/// Nodes on one Redis.
final class RedisFixture: ClusterFixture {
    private struct Member {
        let cluster: RedisBackplane
        let task: Task<Void, any Error>
    }

    let url: String
    private let configure: @Sendable (inout RedisConfiguration) -> Void
    private let members = Mutex<[NodeID: Member]>([:])

    init(_ url: String, configure: @escaping @Sendable (inout RedisConfiguration) -> Void = { _ in }) {
        self.url = url
        self.configure = configure
    }

    func configuration(_ id: NodeID) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url, node: id)
        // Tests are shorter than a lease: nodes beat once, and one that is lost is made to look so.
        configuration.leaseLifetime = .seconds(600)
        configuration.reapGrace = .zero
        configure(&configuration)
        return configuration
    }

    func makeNode(_ id: NodeID, receiver: any BusReceiver) async throws -> (bus: any Bus, store: any Store) {
        let cluster = try await makeCluster(id, receiver: receiver)
        return (cluster.bus, cluster.store)
    }

    func makeCluster(
        _ id: NodeID, receiver: any BusReceiver,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> RedisBackplane {
        let herald = Herald(node: id, receiver: receiver)
        let cluster = try startCluster(id, receiver: herald, logger: logger, group: group)
        try #require(await herald.isUp())
        try await cluster.store.beat(
            NodeDescription(id: id, version: "test", address: "", startedAt: 0, sessions: 0, isDraining: false))
        return cluster
    }

    /// Without waiting for the link.
    func startCluster(
        _ id: NodeID, receiver: any BusReceiver,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws -> RedisBackplane {
        let cluster = RedisBackplane(configuration: try configuration(id), group: group, logger: logger)
        cluster.bus.attach(receiver)
        let task = Task { try await cluster.run() }
        members.withLock { $0[id] = Member(cluster: cluster, task: task) }
        return cluster
    }

    func lose(_ id: NodeID) async throws {
        let member = members.withLock { $0.removeValue(forKey: id) }
        member?.task.cancel()
        try await member?.task.value
        let plain = try await PlainRedis(url)
        _ = try await plain("ZADD", RedisKeys(prefix: "sb").nodes, "XX", "\(WallClock.milliseconds())", id.rawValue)
        plain.close()
    }

    func end() async {
        let members = members.withLock { members in
            defer { members = [:] }
            return Array(members.values)
        }
        for member in members {
            member.task.cancel()
            _ = try? await member.task.value
        }
    }
}

/// Passes everything on, and lets one wait until the node hears that itself is up.
private final class Herald: BusReceiver {
    private let node: NodeID
    private let receiver: any BusReceiver
    private let own = Recorder()

    init(node: NodeID, receiver: any BusReceiver) {
        self.node = node
        self.receiver = receiver
    }

    func receive(_ message: BusMessage) {
        if message == .nodeUp(node) { own.receive(message) }
        receiver.receive(message)
    }

    func busWasLost() { receiver.busWasLost() }
    func busDidRecover() { receiver.busDidRecover() }

    func isUp() async -> Bool { await own.wait { messages, _ in !messages.isEmpty } }
}

/// Commands as words, for what a test does to Redis itself.
final class PlainRedis: Sendable {
    private let connection: RedisConnection

    init(_ url: String) async throws {
        connection = try await RedisConnection.connect(
            try RedisConfiguration(url: url, node: NodeID(unchecked: "test")), name: "test",
            on: MultiThreadedEventLoopGroup.singleton.next(), events: .init(delivered: { _ in }, closed: { _ in }))
    }

    @discardableResult
    func callAsFunction(_ words: String...) async throws -> RESPReply {
        try await connection.ask { buffer in
            buffer.command(arguments: words.count)
            for word in words { buffer.argument(word) }
        }
    }

    func close() { connection.close(.stopped) }
}

/// Runs `body` with nodes on a Redis of their own.
func withCluster(
    _ arguments: [String] = [], configure: @escaping @Sendable (inout RedisConfiguration) -> Void = { _ in },
    _ body: (RedisFixture, RedisServer) async throws -> Void
) async throws {
    try await RedisServer.with(arguments) { server in
        let fixture = RedisFixture(server.url, configure: configure)
        do {
            try await body(fixture, server)
        } catch {
            await fixture.end()
            throw error
        }
        await fixture.end()
    }
}

import BusContract
import Logging
import NIOPosix
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import Synchronization

/// Nodes on a ``RedisGroup``, with names of their own, so that clauses do not meet each other's.
final class ContractFixture: ClusterFixture {
    private struct Member {
        let cluster: RedisBackplane
        let task: Task<Void, any Error>
    }

    private let group: RedisGroup
    private let prefix: GroupName
    private let members = Mutex<[NodeID: Member]>([:])

    private init(_ group: RedisGroup) {
        self.group = group
        prefix = GroupName(unchecked: "sb:\(SessionID.random())")
    }

    static func with(_ group: RedisGroup, _ body: (ContractFixture) async throws -> Void) async throws {
        let fixture = ContractFixture(group)
        do { try await body(fixture) } catch {
            await fixture.end()
            throw error
        }
        await fixture.end()
    }

    private func end() async {
        let members = members.withLock { Array($0.values) }
        for member in members { member.task.cancel() }
        for member in members { _ = try? await member.task.value }
    }

    func makeNode(_ id: NodeID, receiver: any BusReceiver) async throws -> (bus: any Bus, store: any Store) {
        var configuration = try RedisConfiguration(url: group.url, node: id)
        configuration.prefix = prefix
        // Tests are shorter than a lease: nodes beat once, and one that is lost is made to look so.
        configuration.leaseLifetime = .seconds(600)
        configuration.reapGrace = .zero
        let cluster = RedisBackplane(
            configuration: configuration, group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "contract") { _ in SwiftLogNoOpLogHandler() })
        cluster.bus.attach(receiver)
        let task = Task { try await cluster.run() }
        members.withLock { $0[id] = Member(cluster: cluster, task: task) }
        try await eventually("\(id) is available") { cluster.bus.isAvailable }
        try await cluster.store.beat(
            NodeDescription(id: id, version: "test", address: "", startedAt: 0, sessions: 0, isDraining: false))
        return (cluster.bus, cluster.store)
    }

    func lose(_ id: NodeID) async throws {
        let member = members.withLock { $0.removeValue(forKey: id) }
        member?.task.cancel()
        try await member?.task.value
        let leases = "\(prefix):nodes"
        try await group.master(of: leases).command("ZADD", leases, "XX", "\(WallClock.milliseconds())", id.rawValue)
    }
}

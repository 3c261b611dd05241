import SwitchboardCore
import Synchronization

/// What it takes to send commands while the link is open: one master, or those of a Redis Cluster.
final class Ready: Sendable {
    /// The connections to one master.
    struct Master: Sendable {
        let endpoint: RedisEndpoint
        let connection: RedisConnection
        /// nil when no replicas are asked for.
        let writer: ReplicatedWriter?
    }

    let masters: [Master]
    let scripts: ScriptTable
    let router: ClusterRouter?
    private let connection: RedisConnection
    private let writer: ReplicatedWriter?

    /// - Parameters:
    ///   - master: The only one, or any.
    ///   - others: Those that a Redis Cluster has besides.
    ///   - router: nil without Redis Cluster.
    init(_ master: Master, others: [Master] = [], scripts: ScriptTable, router: ClusterRouter? = nil) {
        connection = master.connection
        writer = master.writer
        masters = [master] + others
        self.scripts = scripts
        self.router = router
    }

    /// - Parameter isKept: It is answered only when replicas have it, if any are asked for.
    func send(
        _ consumer: PendingCommand.Consumer, isKept: Bool = false, _ write: (inout CommandBuffer, ScriptTable) -> Void
    ) {
        if let router {
            router.send(consumer, isKept: isKept) { write(&$0, scripts) }
        } else if isKept, let writer {
            writer.send(consumer) { write(&$0, scripts) }
        } else {
            connection.send(consumer) { write(&$0, scripts) }
        }
    }

    var connections: [RedisConnection] {
        masters.flatMap { [$0.connection] + ($0.writer.map { [$0.connection] } ?? []) }
    }

    var commands: Int { connections.reduce(0) { $0 + $1.commands } }

    func close(_ trouble: RedisTrouble) { for connection in connections { connection.close(trouble) } }
}

/// The connections of one life of the link, closed together.
final class Wires: Sendable {
    private let connections = Mutex<[RedisConnection]>([])

    func add(_ connection: RedisConnection) { connections.withLock { $0.append(connection) } }

    func close(_ trouble: RedisTrouble) {
        for connection in connections.withLock({ $0 }) { connection.close(trouble) }
    }
}

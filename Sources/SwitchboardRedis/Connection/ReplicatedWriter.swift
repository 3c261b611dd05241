import NIOCore
import SwitchboardCore
import Synchronization

/// Writes what must not be lost with its master: a command is answered when so many replicas have it, else it fails.
///
/// It has a connection of its own, since Redis reads nothing more from one that waits. The writes of one wait share it, so their
/// number does not make it slower.
final class ReplicatedWriter: Sendable {
    let connection: RedisConnection
    private let replicas: Int
    private let timeout: Int
    private let rounds = Mutex(ReplicationRounds<(KeptCommand, RESPReply)>())

    /// - Parameter connection: Used for nothing else.
    init(connection: RedisConnection, configuration: RedisConfiguration) {
        self.connection = connection
        replicas = configuration.minReplicas
        timeout = max(1, Int(configuration.replicaTimeout / .milliseconds(1)))
    }

    func send(
        _ consumer: PendingCommand.Consumer, isAsking: Bool = false, _ write: (inout CommandBuffer) -> Void
    ) {
        let begins = rounds.withLock { $0.sending() }
        connection.send(.kept(KeptCommand(writer: self, consumer: consumer)), isAsking: isAsking, write)
        // In the loop's next turn: what others write in this one is covered as well.
        if begins { connection.channel.eventLoop.execute { self.wait() } }
    }

    fileprivate func answered(_ command: KeptCommand, _ reply: RESPReply) {
        rounds.withLock { $0.answered((command, reply)) }
    }

    fileprivate func failed() { rounds.withLock { $0.failed() } }

    private func wait() {
        connection.send(.reply { [self] in waited($0) }) { buffer in
            buffer.command(arguments: 3)
            buffer.argument("WAIT" as StaticString)
            buffer.argument(replicas)
            buffer.argument(timeout)
        }
    }

    private func waited(_ result: Result<RESPReply, BusError>) {
        let (covered, goesOn) = rounds.withLock { $0.waited() }
        if goesOn, connection.trouble == nil {
            // After a failure the queue is full; it gets shorter by itself.
            let pause = if case .success = result { TimeAmount.zero } else { TimeAmount.milliseconds(5) }
            connection.channel.eventLoop.scheduleTask(in: pause) { self.wait() }
        }
        for (command, reply) in covered {
            let pending = PendingCommand(consumer: command.consumer, bytes: 0)
            switch result {
            case .success(.integer(let count)) where count >= replicas: pending.complete(reply)
            case .success(let count):
                pending.fail(.unavailable("\(count.integer ?? 0) of \(replicas) replicas have stored it"))
            case .failure(let error): pending.fail(error)
            }
        }
    }
}

/// A command of a ``ReplicatedWriter``.
final class KeptCommand: Sendable {
    let consumer: PendingCommand.Consumer
    private let writer: ReplicatedWriter

    init(writer: ReplicatedWriter, consumer: PendingCommand.Consumer) {
        self.writer = writer
        self.consumer = consumer
    }

    func complete(_ reply: RESPReply) {
        guard case .error = reply else { return writer.answered(self, reply) }
        writer.failed()
        PendingCommand(consumer: consumer, bytes: 0).complete(reply)
    }

    func fail(_ error: BusError) {
        writer.failed()
        PendingCommand(consumer: consumer, bytes: 0).fail(error)
    }
}

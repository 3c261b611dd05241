import Logging
import NIOCore
import ServiceLifecycle
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Keeps the node's lease, and cleans up behind nodes that died.
struct PresenceKeeper: Service {
    let node: Node

    func run() async throws {
        let sweeper = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(100))
                node.sweep()
            }
        }
        defer { sweeper.cancel() }
        await cancelWhenGracefulShutdown {
            // A sleep that is cancelled is how the loop ends.
            repeat { await node.beat() } while (try? await Task.sleep(for: .seconds(NodeLease.beat))) != nil
        }
        // The lease is given up last, when the sessions are gone.
        try? await node.store.leave(node.id) { try await node.lost($0) }
        node.handOverAbsences()
    }

}

extension Node {
    /// Renews the lease, hears who else lives, and cleans up behind who does not.
    func beat() async {
        guard bus.isAvailable else { return }
        do {
            try await store.beat(description)
            // A process that was killed may have left clients behind under this id.
            if !hasTakenOver.load(ordering: .relaxed) {
                try await disown()
                hasTakenOver.store(true, ordering: .relaxed)
            }
            let nodes = try await store.nodes()
            roster.replace(Set(nodes.map(\.id)))
            rebalance(nodes)
            for (dead, clients) in try await store.reap(telling: { try await self.lost($0) }) {
                logger.warning("a node was lost", metadata: ["lost": "\(dead)", "clients": "\(clients)"])
            }
            for push in try await store.expireMail() { expired(push) }
        } catch {
            logger.debug("the lease could not be renewed", metadata: ["error": "\(error)"])
        }
    }

    private var description: NodeDescription {
        NodeDescription(
            id: id, version: SwitchboardVersion.current, address: address.withLock { $0 }, startedAt: startedAt,
            sessions: sessionCount.value, isDraining: isDraining, busLag: busHealth.lag)
    }

    /// Shows as lost what is listed for this node and not here.
    private func disown() async throws {
        let lost = try await store.disown(
            id, but: { await self.ownSessions() }, telling: { try await self.lost($0) })
        if lost > 0 {
            logger.warning(
                "clients were lost with an earlier process or while Redis was away", metadata: ["clients": "\(lost)"])
        }
    }

    private func ownSessions() async -> Set<SessionID> {
        var sessions: Set<SessionID> = []
        for shard in shards {
            let own = try? await shard.loop.submit { shard.table.slots.compactMap(\.session?.record?.session) }.get()
            sessions.formUnion(own ?? [])
        }
        return sessions
    }

    /// Writes the presence of all live sessions again, after the store was away, and what ended meanwhile.
    func restorePresence() async throws {
        var sessions: [(record: SessionRecord, epoch: UInt64)] = []
        for shard in shards {
            let live = try? await shard.loop.submit {
                shard.table.slots.compactMap { slot -> (record: SessionRecord, epoch: UInt64)? in
                    guard slot.isOpen, let session = slot.session, let record = session.record else { return nil }
                    return (record, session.epoch)
                }
            }.get()
            sessions += live ?? []
        }
        try await store.restore(sessions)
        try await disown()
    }
}

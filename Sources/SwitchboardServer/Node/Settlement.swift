import Logging
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Whether the cluster has found together again after the bus was away.
///
/// The first node that is back sees neither the clients of the others (their presence may be gone with Redis' memory) nor
/// their subscriptions. What it answered then would be wrong: "nobody there" for clients that are connected. So pushes are
/// refused until every node that was known before has written its presence again, or its lease would have ended.
final class Settlement: Sendable {
    private struct State {
        var round = 0
        var isRestoring = false
        var isSettling = false
        /// The nodes that are to come back.
        var awaited: Set<NodeID> = []
    }

    private let state = Mutex(State())

    /// This node's own presence is not written yet.
    var isRestoring: Bool { state.withLock { $0.isRestoring } }
    var isSettled: Bool { state.withLock { !$0.isSettling } }

    /// The bus is away. From here on, and not only from its return, which is noticed a moment after the first push can go out.
    ///
    /// - Parameter living: The nodes that were known to live; after the return the store may know fewer.
    func lost(_ living: Set<NodeID>) { _ = begin(living) }

    /// The bus is back.
    ///
    /// - Returns: The number of this round, for the calls that end it, and the nodes that are to come back.
    func begin(_ living: Set<NodeID>) -> (round: Int, awaited: Set<NodeID>) {
        state.withLock { state in
            state.round += 1
            state.isRestoring = true
            state.isSettling = true
            state.awaited.formUnion(living)
            return (state.round, state.awaited)
        }
    }

    func restored(_ round: Int) { state.withLock { if $0.round == round { $0.isRestoring = false } } }

    func settled(_ round: Int) {
        state.withLock { state in
            guard state.round == round else { return }
            state.isSettling = false
            state.awaited = []
        }
    }

    func isCurrent(_ round: Int) -> Bool { state.withLock { $0.round == round } }
}

extension Node {
    /// The bus is back: writes presence again, and waits for the other nodes to have done so.
    ///
    /// - Parameter lostAt: Unix milliseconds at which the bus was last there.
    func settle(awaiting nodes: Set<NodeID>, round: Int, lostAt: UInt64) async {
        await beat()
        let isCurrent = { [self] in settlement.isCurrent(round) && bus.isAvailable }
        var isTold = false
        // A master that has just been promoted may refuse to write for a while. Until all is written clients who are connected
        // would be called offline.
        await persist(isCurrent) {
            do { try await restorePresence() } catch {
                if !isTold {
                    logger.warning("presence cannot be written again yet", metadata: ["error": "\(error)"])
                    isTold = true
                }
                throw error
            }
            return true
        }
        webhooks?.recorder.markIncomplete()
        await catchUp(lostAt: lostAt, while: isCurrent)
        settlement.restored(round)
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(NodeLease.lifetime)
        var missing = nodes.subtracting([id])
        while settlement.isCurrent(round), clock.now < deadline {
            if let replies = try? await conversations.ask(.stats) {
                missing.subtract(replies.bodies.filter { NodeReport.isRestored($0.body) }.map(\.node))
            }
            if missing.isEmpty { break }
            try? await clock.sleep(for: .milliseconds(100))
        }
        if !missing.isEmpty { logger.warning("nodes have not come back", metadata: ["missing": "\(missing)"]) }
        settlement.settled(round)
    }
}

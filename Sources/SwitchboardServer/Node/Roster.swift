import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The nodes that live, as far as this one has heard.
final class Roster: Sendable {
    private struct State {
        var living: Set<NodeID> = []
        /// Those that have said that they are up, each with the time until which that counts.
        var announced: [NodeID: NIODeadline] = [:]
    }

    private let state = Mutex(State())

    var living: Set<NodeID> { state.withLock { $0.living } }

    /// A node has said that it is up; its lease may not be written yet.
    func add(_ node: NodeID, now: NIODeadline = .now()) {
        state.withLock { state in
            state.living.insert(node)
            state.announced[node] = now + .seconds(Int64(NodeLease.lifetime))
        }
    }

    func remove(_ node: NodeID) {
        state.withLock { state in
            state.living.remove(node)
            state.announced[node] = nil
        }
    }

    /// What the leases in the store say; who has come up since they were read is not among them.
    func replace(_ nodes: Set<NodeID>, now: NIODeadline = .now()) {
        state.withLock { state in
            state.announced = state.announced.filter { $0.value > now }
            state.living = nodes.union(state.announced.keys)
        }
    }
}

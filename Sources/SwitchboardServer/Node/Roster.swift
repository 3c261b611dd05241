import SwitchboardProtocol
import Synchronization

/// The nodes that live, as far as this one has heard.
final class Roster: Sendable {
    private let nodes = Mutex<Set<NodeID>>([])

    var living: Set<NodeID> { nodes.withLock { $0 } }

    func add(_ node: NodeID) { nodes.withLock { _ = $0.insert(node) } }
    func remove(_ node: NodeID) { nodes.withLock { _ = $0.remove(node) } }

    /// What the leases in the store say.
    func replace(_ nodes: Set<NodeID>) { self.nodes.withLock { $0 = nodes } }
}

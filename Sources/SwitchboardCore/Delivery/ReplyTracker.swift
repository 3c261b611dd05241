public import SwitchboardProtocol

/// Knows when every node that a message reached has answered. A struct without I/O.
///
/// Answers may overtake the bus' word on how many nodes were reached, so both are awaited in any order.
public struct ReplyTracker: Sendable {
    private var reached: Int?
    private var answered: Set<NodeID> = []

    public init() {}

    /// What an answer meant.
    public enum Reply: Hashable, Sendable {
        case counted(isComplete: Bool)
        /// This node has answered before.
        case repeated
    }

    /// The bus says how many nodes were reached.
    ///
    /// - Returns: true when nothing is pending any more.
    public mutating func published(toNodes nodes: Int) -> Bool {
        reached = nodes
        return answered.count >= nodes
    }

    public mutating func answered(_ node: NodeID) -> Reply {
        guard answered.insert(node).inserted else { return .repeated }
        return .counted(isComplete: reached.map { answered.count >= $0 } ?? false)
    }

    /// These nodes are the living ones: when all of them have answered, no answer is missing, even if a program that is
    /// no node listens on the shared channel and was counted as reached.
    ///
    /// - Returns: true when that completes the replies.
    public mutating func living(_ nodes: Set<NodeID>) -> Bool {
        guard let reached, answered.count < reached, !nodes.isEmpty, nodes.isSubset(of: answered) else { return false }
        return true
    }
}

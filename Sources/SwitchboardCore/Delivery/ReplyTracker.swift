public import SwitchboardProtocol

/// Knows when every node that a message reached has answered. A struct without I/O.
///
/// Answers may overtake the bus' word on how many nodes were reached, so both are awaited in any order.
public struct ReplyTracker: Sendable {
    private var reached: Int?
    /// Most messages have one answer, which needs no set.
    private var first: NodeID?
    private var others: Set<NodeID> = []

    public init() {}

    /// Whether the bus has said how many nodes were reached.
    public var isPublished: Bool { reached != nil }

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
        return count >= nodes
    }

    public mutating func answered(_ node: NodeID) -> Reply {
        guard let first else {
            self.first = node
            return .counted(isComplete: isComplete)
        }
        guard node != first, others.insert(node).inserted else { return .repeated }
        return .counted(isComplete: isComplete)
    }

    /// These nodes are the living ones: when all of them have answered, no answer is missing, even if a program that is
    /// no node listens on the shared channel and was counted as reached.
    ///
    /// - Returns: true when that completes the replies.
    public mutating func living(_ nodes: Set<NodeID>) -> Bool {
        guard let reached, count < reached, !nodes.isEmpty else { return false }
        return nodes.allSatisfy { $0 == first || others.contains($0) }
    }

    private var count: Int { first == nil ? 0 : 1 + others.count }
    private var isComplete: Bool { reached.map { count >= $0 } ?? false }
}

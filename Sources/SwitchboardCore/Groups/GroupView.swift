public import SwitchboardProtocol

/// Who is in one group in the whole cluster, put together from what each node tells. A struct without I/O.
///
/// What is told to watchers is the difference to what they were told before, so a client that moves from one node to another
/// within a moment neither leaves nor joins.
public struct GroupView: Sendable {
    /// The most bytes of names and labels that are listed.
    public static let maximumBytes = 256 << 10

    private struct Part {
        var members: [ClientID: [String: String]] = [:]
        /// The part of a new list that is there; until all of it is, what was known before holds.
        var arriving: [ClientID: [String: String]]? = [:]
        var sequence: Int
        var isComplete = true

        var isFilling: Bool { arriving != nil }

        mutating func take(_ change: GroupChange) {
            guard var list = arriving else { return Self.apply(change, to: &members) }
            arriving = nil
            Self.apply(change, to: &list)
            if change.ends { members = list } else { arriving = list }
        }

        /// Who has left makes room for who came.
        private static func apply(_ change: GroupChange, to list: inout [ClientID: [String: String]]) {
            for client in change.left { list[client] = nil }
            for member in change.joined where list.count < GroupMember.maximumListed {
                list[member.client] = member.labels
            }
        }
    }

    private var parts: [NodeID: Part] = [:]
    private var told: [ClientID: [String: String]] = [:]
    private var isChanged = false
    private var hasMore = false
    private let limit: Int

    /// - Parameter limit: The most members that are listed.
    public init(limit: Int = GroupMember.maximumListed) { self.limit = limit }

    /// Whether all members of the nodes that have told theirs are listed.
    public var isComplete: Bool { !hasMore && parts.values.allSatisfy { $0.isComplete && !$0.isFilling } }

    /// Whether all of these nodes have told their members.
    public func isWhole(_ nodes: Set<NodeID>) -> Bool { nodes.allSatisfy { parts[$0]?.isFilling == false } }

    /// What the watchers know, by the clients' names.
    public var members: [GroupMember] { unordered.sorted { $0.client < $1.client } }

    /// What the watchers know, in no order.
    public var unordered: [GroupMember] { told.map { GroupMember(client: $0.key, labels: $0.value) } }

    /// A node tells something.
    ///
    /// - Returns: false when something of it was lost: it has to tell all its members again.
    public mutating func take(_ change: GroupChange) -> Bool {
        if change.begins {
            parts[change.node] = Part(members: parts[change.node]?.members ?? [:], sequence: change.sequence)
        } else {
            guard let part = parts[change.node] else { return false }
            // Anybody may have written it: one more than the last may be more than there is.
            guard change.sequence - (part.isFilling ? 0 : 1) == part.sequence else { return false }
        }
        parts[change.node]?.sequence = change.sequence
        parts[change.node]?.isComplete = change.isComplete
        parts[change.node]?.take(change)
        isChanged = true
        return true
    }

    /// Nodes that are gone have no members any more.
    public mutating func keep(_ living: Set<NodeID>) {
        for node in parts.keys where !living.contains(node) {
            parts[node] = nil
            isChanged = true
        }
    }

    /// What watchers have to be told; nil for nothing.
    public mutating func takeDifference() -> (joined: [GroupMember], left: [ClientID])? {
        guard isChanged else { return nil }
        isChanged = false
        var present: [ClientID: [String: String]] = [:]
        for part in parts.values { present.merge(part.members) { first, _ in first } }
        let left = told.keys.filter { present[$0] == nil }
        for client in left { told[client] = nil }
        var bytes = told.reduce(0) { $0 + Self.size($1.key, $1.value) }
        var joined: [GroupMember] = []
        hasMore = false
        // Only what is news is put in order.
        let news = present.filter { told[$0.key] != $0.value }.sorted { $0.key < $1.key }
        for (client, labels) in news {
            let size = Self.size(client, labels)
            guard told[client] != nil || (told.count < limit && bytes + size <= Self.maximumBytes) else {
                hasMore = true
                continue
            }
            bytes += size
            told[client] = labels
            joined.append(GroupMember(client: client, labels: labels))
        }
        return joined.isEmpty && left.isEmpty ? nil : (joined, left.sorted())
    }

    private static func size(_ client: ClientID, _ labels: [String: String]) -> Int {
        labels.reduce(client.rawValue.utf8.count + 32) { $0 + $1.key.utf8.count + $1.value.utf8.count + 8 }
    }
}

import SwitchboardCore
import SwitchboardProtocol

/// What a node tells others of one group at a time. It is taken as it is while everybody who joins waits, and put in order and
/// cut into messages when nobody does.
struct GroupAccount {
    /// Members in one message.
    private static let piece = 100

    let group: GroupName
    let node: NodeID
    let isComplete: Bool
    /// The number of the last message before the changes.
    let sequence: Int
    var change: GroupRoll.Change?
    /// Those who know the members, and are told what has changed.
    var listeners: [NodeID] = []
    /// Those who are told all members, in whatever order these are.
    var newcomers: [NodeID] = []
    var members: [GroupMember] = []

    /// How many messages say what has changed.
    private var changes: Int { change.map { Self.pieces($0.size) } ?? 0 }

    /// The number of the last message.
    var lastSequence: Int { sequence + changes }

    private static func pieces(_ count: Int) -> Int { max(1, (count + piece - 1) / piece) }

    private static func part<Element>(_ list: [Element], _ index: Int) -> [Element] {
        Array(list.dropFirst(index * piece).prefix(piece))
    }

    /// In the order in which they have to leave.
    var messages: [(NodeID, GroupChange)] {
        var messages: [(NodeID, GroupChange)] = []
        if let change, !listeners.isEmpty {
            let (joined, left) = (change.joined, change.left)
            for index in 0..<changes {
                let message = GroupChange(
                    group: group, node: node, sequence: sequence + index + 1, isComplete: isComplete,
                    joined: Self.part(joined, index), left: Self.part(left, index))
                for listener in listeners { messages.append((listener, message)) }
            }
        }
        guard !newcomers.isEmpty else { return messages }
        let sorted = members.sorted { $0.client < $1.client }
        let count = Self.pieces(sorted.count)
        for index in 0..<count {
            let message = GroupChange(
                group: group, node: node, sequence: lastSequence, begins: index == 0, ends: index == count - 1,
                isComplete: isComplete, joined: Self.part(sorted, index))
            for listener in newcomers { messages.append((listener, message)) }
        }
        return messages
    }
}

public import SwitchboardProtocol

/// The members of one group on one node, and what has changed since that was last told. A struct without I/O.
///
/// A client counts as long as any session of it is in the group, so one that connects anew on the same node neither leaves nor
/// joins.
public struct GroupRoll: Sendable {
    private struct Entry {
        var labels: [String: String]
        var sessions: Set<SessionPlace>
    }

    /// Who came and who left. It is put in order only when it is looked at: it is taken where others wait.
    public struct Change: Sendable {
        fileprivate let arrivals: [ClientID: [String: String]]
        fileprivate let departures: Set<ClientID>

        public var joined: [GroupMember] {
            arrivals.map { GroupMember(client: $0.key, labels: $0.value) }.sorted { $0.client < $1.client }
        }

        public var left: [ClientID] { departures.sorted() }

        /// The length of the longer list.
        public var size: Int { max(arrivals.count, departures.count) }
    }

    private var entries: [ClientID: Entry] = [:]
    private var joined: [ClientID: [String: String]] = [:]
    private var left: Set<ClientID> = []
    /// False when there are, or were, more members than are kept.
    public private(set) var isComplete = true
    private let limit: Int

    /// - Parameter limit: The most members that are kept.
    public init(limit: Int = GroupMember.maximumListed) { self.limit = limit }

    public var count: Int { entries.count }

    /// All that are kept, by their names.
    public var members: [GroupMember] { unordered.sorted { $0.client < $1.client } }

    /// All that are kept, in no order.
    public var unordered: [GroupMember] {
        entries.map { GroupMember(client: $0.key, labels: $0.value.labels) }
    }

    public mutating func add(_ member: GroupMember, at place: SessionPlace) {
        let known = entries[member.client]
        guard known != nil || entries.count < limit else {
            isComplete = false
            return
        }
        entries[member.client] = Entry(labels: member.labels, sessions: (known?.sessions ?? []).union([place]))
        guard known?.labels != member.labels else { return }
        joined[member.client] = member.labels
        left.remove(member.client)
    }

    public mutating func remove(_ client: ClientID, at place: SessionPlace) {
        guard entries[client]?.sessions.remove(place) != nil, entries[client]?.sessions.isEmpty == true else { return }
        entries[client] = nil
        joined[client] = nil
        left.insert(client)
    }

    /// Who came and who left since this was last asked; nil when nobody did.
    public mutating func takeChange() -> Change? {
        guard !joined.isEmpty || !left.isEmpty else { return nil }
        defer { (joined, left) = ([:], []) }
        return Change(arrivals: joined, departures: left)
    }
}

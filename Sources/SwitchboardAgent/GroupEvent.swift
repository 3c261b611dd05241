public import SwitchboardProtocol

/// What a node tells about groups, told to ``AgentHandlers/onGroup``.
public enum GroupEvent: Hashable, Sendable {
    /// Who is in a group that was joined with `watch`; not all of them when it is not complete. It comes after each reconnect.
    case members(group: GroupName, [GroupMember], isComplete: Bool)
    /// Who came into that group, and who has left it, since that was last told.
    case presence(group: GroupName, joined: [GroupMember], left: [ClientID])
    /// So many pushes to this channel (`all` or `group:NAME`) were left out before the next one, since the agent reads too
    /// slowly and ``AgentConfiguration/slow`` asks for that.
    case missed(channel: String, count: Int)
}

/// How an agent is in a group.
struct GroupWish: Equatable, Sendable {
    /// How many pushes of its history are wanted, when the agent has none yet; 0 for none.
    var history = 0
    /// Who is in it is told.
    var watch = false
}

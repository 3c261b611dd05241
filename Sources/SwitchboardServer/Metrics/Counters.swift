/// What one event loop counts; added up when somebody asks.
struct ShardCounters: Sendable {
    var rawSessions = 0
    var framedSessions = 0
    /// WebSocket connections since the start ...
    var accepted = 0
    /// ... and those of them that have ended.
    var closed = 0
    var deliveries = 0
    var drops = 0
    var messagesUp = 0
    var refused = 0

    var sessions: Int { rawSessions + framedSessions }

    static func + (left: ShardCounters, right: ShardCounters) -> ShardCounters {
        var sum = left
        sum.rawSessions += right.rawSessions
        sum.framedSessions += right.framedSessions
        sum.accepted += right.accepted
        sum.closed += right.closed
        sum.deliveries += right.deliveries
        sum.drops += right.drops
        sum.messagesUp += right.messagesUp
        sum.refused += right.refused
        return sum
    }
}

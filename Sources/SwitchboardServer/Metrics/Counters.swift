import SwitchboardProtocol

/// What one event loop counts; added up when somebody asks.
struct ShardCounters: Sendable {
    /// Sessions that are open.
    var forms = FormTally()
    /// WebSocket connections since the start ...
    var accepted = 0
    /// ... and those of them that have ended.
    var closed = 0
    var deliveries = 0
    var drops = 0
    var messagesUp = 0
    /// Connections beyond `acceptRate`.
    var refused = 0
    /// What waits because sockets are full, and for how many sessions.
    var queuedBytes = 0
    var queuedSessions = 0
    var closes = CloseTally()
    var refusals = RefusalTally()
    var handshakes = OutcomeTally<HandshakeOutcome>()
    var proxyHeaders = OutcomeTally<ProxyHeaderOutcome>()
    /// From the acceptance of pushes to the sockets.
    var latency = Histogram(.latency)
    /// Of pings.
    var roundTrip = Histogram(.latency)

    var sessions: Int { forms.sessions(.raw) + forms.sessions(.framed) }

    static func + (left: ShardCounters, right: ShardCounters) -> ShardCounters {
        var sum = left
        sum.forms = left.forms + right.forms
        sum.accepted += right.accepted
        sum.closed += right.closed
        sum.deliveries += right.deliveries
        sum.drops += right.drops
        sum.messagesUp += right.messagesUp
        sum.refused += right.refused
        sum.queuedBytes += right.queuedBytes
        sum.queuedSessions += right.queuedSessions
        sum.closes = left.closes + right.closes
        sum.refusals = left.refusals + right.refusals
        sum.handshakes = left.handshakes + right.handshakes
        sum.proxyHeaders = left.proxyHeaders + right.proxyHeaders
        sum.latency = left.latency + right.latency
        sum.roundTrip = left.roundTrip + right.roundTrip
        return sum
    }
}

/// What can be watched.
enum EventType: String, CaseIterable, Sendable {
    case sessionConnected = "session.connected"
    case sessionClosed = "session.closed"
    case pushDelivered = "push.delivered"
    case pushAcked = "push.acked"
    case pushDropped = "push.dropped"
    case pushExpired = "push.expired"
    case commandSent = "command.sent"
    case commandDone = "command.done"
    case messageReceived = "message.received"
    case terminalAttached = "terminal.attached"
    case terminalDetached = "terminal.detached"
    case terminalEnded = "terminal.ended"
    case terminalRefused = "terminal.refused"
    case alertRaised = "alert.raised"
    case alertCleared = "alert.cleared"
    case nodeDraining = "node.draining"
    case nodeDrained = "node.drained"
    case nodeServing = "node.serving"
    case rolloutStarted = "rollout.started"
    case rolloutPaused = "rollout.paused"
    case rolloutResumed = "rollout.resumed"
    case rolloutAborted = "rollout.aborted"
    case rolloutDone = "rollout.done"

    /// What a watcher may ask for: a type, or the first word of several.
    static let names = Set(allCases.flatMap { [$0.rawValue, $0.family] })

    var family: String { String(rawValue.prefix { $0 != "." }) }

    /// - Parameter names: None for everything.
    func isAmong(_ names: [String]) -> Bool {
        names.isEmpty || names.contains(rawValue) || names.contains(family)
    }
}

/// A limit that somebody ran into: the values of the label `limit` of ``MetricCatalogue/limited``.
///
/// docs/limits.md has a row for each, and a test compares the two. A limit that another metric counts already, such as a
/// close code of its own, is not among them.
enum Limit: String, CaseIterable, Sendable {
    // Connections.
    case connections, connectionsPerAddress, plainConnections, acceptRate
    // Time.
    case requestTime, answerTime
    // Size.
    case head, body, line, lines, nesting
    // At once.
    case underWay, commands, watchers
    // Of a session.
    case inboundRate, groups, labels, kept, histories
}

/// What was pushed durably to groups and to all, for clients that were away for a while.
public protocol HistoryStore: AnyObject, Sendable {
    /// Keeps a durable push to a group or to all (`durable` without a place) and publishes it, with its place, to every node, in
    /// one step.
    ///
    /// - Parameter limit: The most pushes that one channel keeps; 0 means no limit.
    /// - Parameter completion: The place and the number of nodes that were reached, each of which answers with a receipt.
    func append(
        _ push: BusPush, limit: Int,
        completion: @escaping @Sendable (Result<(place: BusPush.Place, nodes: Int), BusError>) -> Void)

    /// Reads what a channel (`all` or `group:NAME`) was sent behind `offset`.
    ///
    /// - Parameter limit: When more was missed than this, or anything that is gone by now, nothing is recovered.
    func history(
        of channel: String, after offset: HistoryOffset?, limit: Int,
        completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void)

    /// Reads the newest pushes that a channel's history holds, at most so many, oldest first.
    func newestHistory(
        of channel: String, limit: Int, completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void)
}

/// What a client missed in one channel.
public struct HistoryPage: Hashable, Sendable {
    /// The newest offset; the client goes on from here. It exists even when nothing was pushed yet.
    public var newest: HistoryOffset
    /// Everything behind the offset that was asked for, oldest first. Nil when the offset is of another epoch, when anything behind
    /// it is gone (trimmed or expired), or when it is too much. Empty when no offset was given.
    public var pushes: [BusPush]?

    public init(newest: HistoryOffset, pushes: [BusPush]?) {
        self.newest = newest
        self.pushes = pushes
    }
}

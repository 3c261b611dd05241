import NIOCore

/// A connection that is no session: plain HTTP, or not yet known.
final class PlainConnection {
    let channel: any Channel
    /// A trusted proxy keeps its connections for whoever comes next; one that ended under its hands would cost a request.
    var isProxys = false
    /// The handler that knows whether a request is under way.
    var occupant: (any IdleOccupant)?

    init(_ channel: any Channel) { self.channel = channel }
}

/// What knows whether somebody is at work on a connection.
protocol IdleOccupant: AnyObject {
    /// When the newest response ended, with nothing begun since; nil while something is under way, and before the first request,
    /// which has to come in time anyway.
    var idleSince: NIODeadline? { get }
}

extension Shard {
    /// Kept-alive connections are to be used again; those that are not for so long give way to new ones when there is no room.
    private static let longestIdle = TimeAmount.seconds(5)
    /// Looking through all connections costs as much as many requests.
    private static let lookInterval = TimeAmount.milliseconds(100)

    /// Closes the connections of this loop that have idled longest, a twentieth of those that may be closed.
    ///
    /// - Returns: false when there is none.
    func makeRoom() -> Bool {
        let now = NIODeadline.now()
        guard roomLookedForAt + Self.lookInterval <= now else { return false }
        let idle = connections.values.compactMap { connection -> (since: NIODeadline, channel: any Channel)? in
            guard !connection.isProxys, let since = connection.occupant?.idleSince, since + Self.longestIdle <= now
            else { return nil }
            return (since, connection.channel)
        }
        guard !idle.isEmpty else {
            roomLookedForAt = now
            return false
        }
        for (_, channel) in idle.sorted(by: { $0.since < $1.since }).prefix(max(1, idle.count / 20)) {
            channel.close(promise: nil)
        }
        return true
    }
}

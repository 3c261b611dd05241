import NIOCore
import SwitchboardProtocol

/// Sending sessions away in good order: told first, closed a little later, each at a moment of its own.
extension Shard {
    /// What is left of this loop's sessions.
    struct Census {
        /// Sockets, also of sessions that are being opened or closed.
        var sockets = 0
        /// Open sessions that have not been told to go.
        var untold = 0
    }

    var census: Census {
        var census = Census()
        for slot in table.slots {
            guard let session = slot.session else { continue }
            census.sockets += 1
            if slot.isOpen, !session.isLeaving { census.untold += 1 }
        }
        return census
    }

    /// Tells up to `count` sessions to go.
    ///
    /// - Parameters:
    ///   - spread: Each goes within so many seconds.
    ///   - first: Where in the table to begin.
    /// - Returns: How many were told.
    func sendAway(_ count: Int, _ why: Departing, spread: Double, from first: Int = 0) -> Int {
        var told = 0
        for offset in table.slots.indices where told < count {
            let slot = table.slots[(offset + first) % table.slots.count]
            guard slot.isOpen, let session = slot.session, !session.isLeaving else { continue }
            session.sendAway(why, in: Double.random(in: 0...spread))
            told += 1
        }
        return told
    }

    /// The time is up: closes whatever is still there.
    func closeAll(_ why: Departing) {
        for slot in table.slots { slot.session?.close(why.code, reason: why.closeReason) }
    }

    /// Nobody has to go after all. Framed clients that were told go nevertheless; they come back at once.
    func keepAll() { for slot in table.slots { slot.session?.isLeaving = false } }
}

/// Why a node sends sessions away.
enum Departing: Sendable {
    case drain, rebalance

    var code: CloseCode { self == .drain ? .nodeDraining : .rebalanced }
    var reason: String { self == .drain ? "the node is draining" : "the load is spread anew" }
    /// The clients are spread already by the moments at which they are closed.
    var closeReason: String { reason + ": after=0" }
}

extension Session {
    /// The client is told when it is to go, and can finish what it does; it is closed then, if it has not gone by itself.
    fileprivate func sendAway(_ why: Departing, in seconds: Double) {
        isLeaving = true
        // Rounded up, so that the node closes before the client does, behind everything that it still had to send.
        if mode == .framed {
            send(.goaway(reason: why.reason, reconnectAfter: (seconds * 10).rounded(.up) / 10))
        }
        shard.loop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { [shard, place] in
            guard let session = shard.openSession(at: place), session.isLeaving else { return }
            session.close(why.code, reason: why.closeReason)
        }
    }
}

extension Node {
    /// Seconds within which those that are sent to other nodes go.
    private static let rebalanceSpread = 3.0

    /// Sends some sessions to other nodes, if this one has too many.
    func shed(_ count: Int) {
        var left = count
        for shard in shards.shuffled() where left > 0 {
            // As many from each loop, and what does not go up evenly from the first.
            let part = min(left, (count + shards.count - 1) / shards.count)
            left -= part
            shard.loop.execute {
                let first = Int.random(in: 0..<max(1, shard.table.slots.count))
                _ = shard.sendAway(part, .rebalance, spread: Self.rebalanceSpread, from: first)
            }
        }
    }
}

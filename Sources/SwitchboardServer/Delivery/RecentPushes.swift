import DequeModule
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The newest pushes that this node has accepted, without what was in them: for people who look at what goes on.
///
/// A node that is busy with pushes has no time for it: beyond a rate no push is noted, and one that is not costs a lock.
final class RecentPushes: Sendable {
    /// How many are kept.
    static let limit = 200
    /// Pushes a second that are noted.
    private static let rate = 1000
    /// Clients that are named of those that a push names.
    private static let maximumNames = 10

    /// A push that is under way.
    final class Note: Sendable {
        fileprivate let target: Target
        fileprivate let isDurable: Bool
        fileprivate let by: String
        fileprivate let bytes: Int
        /// Unix milliseconds.
        fileprivate let at = WallClock.milliseconds()

        fileprivate init(_ order: PushOrder, _ principal: Principal) {
            target = order.target
            isDurable = order.options.keeping != nil
            by = principal.name
            bytes = order.payload.bytes.readableBytes
        }
    }

    private struct Entry {
        let note: Note
        let id: PushID
        let counts: PushCounts
    }

    private struct State {
        var bucket: TokenBucket
        var entries: Deque<Entry> = []
    }

    private let state = Mutex(
        State(
            bucket: TokenBucket(
                rate: RecentPushes.rate, burst: RecentPushes.limit, now: MonotonicClock.nanoseconds())))

    /// - Returns: nil when the push is not to be noted.
    func begin(_ order: PushOrder, of principal: Principal) -> Note? {
        let now = MonotonicClock.nanoseconds()
        // Whoever would have to wait for another loop does not.
        guard state.withLockIfAvailable({ $0.bucket.take(now: now) }) == true else { return nil }
        return Note(order, principal)
    }

    /// The push was answered.
    func add(_ note: Note, _ id: PushID, _ counts: PushCounts) {
        state.withLock { state in
            if state.entries.count == Self.limit { state.entries.removeFirst() }
            state.entries.append(Entry(note: note, id: id, counts: counts))
        }
    }

    /// What the node says of the newest, at most `limit` of them.
    func body(_ limit: Int, of node: NodeID) -> ByteBuffer {
        let entries = state.withLock { Array($0.entries.suffix(min(limit, Self.limit))) }
        return JSONObjectWriter.document { json in
            json.list("pushes", entries.reversed()) { push, entry in
                let note = entry.note
                push.string("id", entry.id.rawValue)
                push.time("at", note.at)
                if case .clients(let clients) = note.target, clients.count > Self.maximumNames {
                    push.object("to") { $0.target(.clients(Array(clients.prefix(Self.maximumNames)))) }
                    push.integer("named", clients.count)
                } else {
                    push.object("to") { $0.target(note.target) }
                }
                push.boolean("durable", note.isDurable)
                push.string("by", note.by)
                push.integer("bytes", note.bytes)
                push.string("node", node.rawValue)
                push.object("counts") { $0.counts(entry.counts) }
            }
        }
    }
}

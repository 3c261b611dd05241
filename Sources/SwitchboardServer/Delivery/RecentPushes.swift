import DequeModule
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The newest pushes that this node has accepted, without what was in them: for people who look at what goes on.
///
/// A node that is busy with pushes has no time for it: beyond a rate no push is noted, and one that is not costs a look at a
/// number.
final class RecentPushes: Sendable {
    /// How many are kept.
    static let limit = 200
    /// Pushes a second that are noted.
    private static let rate = 1000
    /// Clients that are named of those that a push names.
    private static let maximumNames = 10

    /// A push that is under way.
    final class Note: Sendable {
        /// With few of the clients that it names, if those are many.
        fileprivate let target: Target
        /// How many clients it names, if not all of them are in ``target``.
        fileprivate let named: Int?
        fileprivate let isDurable: Bool
        fileprivate let by: String
        fileprivate let bytes: Int
        /// Unix milliseconds.
        fileprivate let at = WallClock.milliseconds()

        fileprivate init(_ order: PushOrder, _ principal: Principal) {
            if case .clients(let clients) = order.target, clients.count > RecentPushes.maximumNames {
                target = .clients(Array(clients.prefix(RecentPushes.maximumNames)))
                named = clients.count
            } else {
                target = order.target
                named = nil
            }
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

    private let entries = Mutex<Deque<Entry>>([])
    /// How many may be noted before the next second; below 0 when several loops have asked at once.
    private let room = Atomic(RecentPushes.rate)

    /// - Returns: nil when the push is not to be noted.
    func begin(_ order: PushOrder, of principal: Principal) -> Note? {
        // Read first: while there is no room the loops only share the number, none takes it from the others.
        guard room.load(ordering: .relaxed) > 0, room.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 else {
            return nil
        }
        return Note(order, principal)
    }

    /// To be called every second.
    func makeRoom() { room.store(Self.rate, ordering: .relaxed) }

    /// The push was answered.
    func add(_ note: Note, _ id: PushID, _ counts: PushCounts) {
        entries.withLock { entries in
            if entries.count == Self.limit { entries.removeFirst() }
            entries.append(Entry(note: note, id: id, counts: counts))
        }
    }

    /// What the node says of the newest, at most `limit` of them.
    func body(_ limit: Int, of node: NodeID) -> ByteBuffer {
        let entries = entries.withLock { Array($0.suffix(min(limit, Self.limit))) }
        return JSONObjectWriter.document { json in
            json.list("pushes", entries.reversed()) { push, entry in
                let note = entry.note
                push.string("id", entry.id.rawValue)
                push.time("at", note.at)
                push.object("to") { $0.target(note.target) }
                if let named = note.named { push.integer("named", named) }
                push.boolean("durable", note.isDurable)
                push.string("by", note.by)
                push.integer("bytes", note.bytes)
                push.string("node", node.rawValue)
                push.object("counts") { $0.counts(entry.counts) }
            }
        }
    }
}

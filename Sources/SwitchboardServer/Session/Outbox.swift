import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What is to leave at the end of a loop's turn.
struct Outbox {
    /// Pushes to the same receivers, one frame behind the other.
    struct Batch {
        private(set) var raw: ByteBuffer?
        private(set) var framed: ByteBuffer?
        private(set) var pushes = 0
        private(set) var collectors: [ReceiptCollector] = []
        /// When the pushes were accepted, as far as that is known.
        private(set) var sentAt: [UInt64] = []

        mutating func append(_ push: PreparedPush, _ collector: ReceiptCollector?, _ counters: ShardCounters) {
            pushes += 1
            if let collector { collectors.append(collector) }
            if let time = push.push.sentAt { sentAt.append(time) }
            if counters.rawSessions > 0 { Self.append(push.raw, to: &raw) }
            if counters.framedSessions > 0 { Self.append(push.framed, to: &framed) }
        }

        private static func append(_ frame: ByteBuffer, to bytes: inout ByteBuffer?) {
            // The first frame is shared with every other loop; only a second one makes a copy.
            if bytes == nil { bytes = frame } else { bytes?.writeImmutableBuffer(frame) }
        }

        func bytes(isFramed: Bool) -> ByteBuffer { (isFramed ? framed : raw) ?? ByteBuffer() }

        func withBytes(_ body: (_ raw: UnsafeRawBufferPointer, _ framed: UnsafeRawBufferPointer) -> Void) {
            bytes(isFramed: false).withUnsafeReadableBytes { raw in
                bytes(isFramed: true).withUnsafeReadableBytes { framed in body(raw, framed) }
            }
        }
    }

    /// A push to certain sessions, each of which has its frame already.
    struct Selection {
        let sessions: [Session]
        /// When it was accepted, if that is known.
        let sentAt: UInt64?
        let collector: ReceiptCollector?
    }

    private var all: Batch?
    private var groups: [ObjectIdentifier: (group: Group, batch: Batch)] = [:]
    private var selections: [Selection] = []
    /// Pushes to single sessions, whose origins get their receipts directly.
    var singles: [(session: Session, push: BusPush)] = []
    /// A push to a group or to all is among the selections, which leave after the batches.
    private(set) var isSelecting = false

    mutating func select(
        _ sessions: [Session], _ push: PreparedPush, _ collector: ReceiptCollector?, isOrdered: Bool
    ) {
        selections.append(Selection(sessions: sessions, sentAt: push.push.sentAt, collector: collector))
        if isOrdered { isSelecting = true }
    }

    mutating func addToAll(_ push: PreparedPush, _ collector: ReceiptCollector?, _ counters: ShardCounters) {
        var batch = all ?? Batch()
        all = nil
        batch.append(push, collector, counters)
        all = batch
    }

    mutating func add(
        _ push: PreparedPush, to group: Group, _ collector: ReceiptCollector?, _ counters: ShardCounters
    ) {
        groups[ObjectIdentifier(group), default: (group, Batch())].batch.append(push, collector, counters)
    }

    struct Work {
        let all: Batch?
        let groups: [(Group, Batch)]
        let selections: [Selection]
        let singles: [(session: Session, push: BusPush)]
    }

    /// Everything, leaving the outbox empty.
    mutating func take() -> Work {
        let work = Work(
            all: all, groups: groups.isEmpty ? [] : groups.values.map { ($0.group, $0.batch) }, selections: selections,
            singles: singles)
        all = nil
        isSelecting = false
        if !groups.isEmpty { groups.removeAll(keepingCapacity: true) }
        if !selections.isEmpty { selections = [] }
        if !singles.isEmpty { singles = [] }
        return work
    }
}

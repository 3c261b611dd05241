import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// What is to leave at the end of a loop's turn.
struct Outbox {
    /// Pushes to the same receivers, one frame behind the other.
    struct Batch {
        private var raw: ByteBuffer?
        private var framed: ByteBuffer?
        /// For sessions that have agreed on compression.
        private var compressed: [FrameForm: ByteBuffer] = [:]
        private(set) var pushes = 0
        private(set) var collectors: [ReceiptCollector] = []
        /// When the pushes were accepted, as far as that is known.
        private(set) var sentAt: [UInt64] = []

        /// - Parameter receivers: The sessions of the loop; nothing is prepared for a form that none of them has.
        mutating func append(
            _ push: PreparedPush, _ collector: ReceiptCollector?, _ receivers: FormTally,
            by compressor: MessageCompressor
        ) {
            pushes += 1
            if let collector { collectors.append(collector) }
            if let time = push.push.sentAt { sentAt.append(time) }
            if receivers[.raw] > 0 { Self.append(push.frame(.raw, by: compressor), to: &raw) }
            if receivers[.framed] > 0 { Self.append(push.frame(.framed, by: compressor), to: &framed) }
            guard receivers.compressed > 0 else { return }
            for form in FrameForm.all where form.window != nil && receivers[form] > 0 {
                Self.append(push.frame(form, by: compressor), to: &compressed[form])
            }
        }

        private static func append(_ frame: ByteBuffer, to bytes: inout ByteBuffer?) {
            // The first frame is shared with every other loop; only a second one makes a copy.
            if bytes == nil { bytes = frame } else { bytes?.writeImmutableBuffer(frame) }
        }

        /// nil when there was no session of this form.
        func bytes(_ form: FrameForm) -> ByteBuffer? {
            switch form {
            case .raw: raw
            case .framed: framed
            default: compressed[form]
            }
        }

        /// - Parameter body: Is given the bytes of each form, by its index; none for a form that no session had.
        func withBytes(_ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void) {
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: FrameForm.count) { table in
                table.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
                fill(table, from: 0, body)
            }
        }

        private func fill(
            _ table: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>, from index: Int,
            _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
        ) {
            // Those without compression come first.
            guard index < (compressed.isEmpty ? 2 : table.count) else { return body(UnsafeBufferPointer(table)) }
            guard let bytes = bytes(FrameForm.all[index]) else { return fill(table, from: index + 1, body) }
            bytes.withUnsafeReadableBytes { bytes in
                table[index] = bytes
                fill(table, from: index + 1, body)
            }
        }
    }

    /// What a group is sent in this turn. The pushes are kept beside their frames: a member that asks for the history meanwhile gets
    /// them with that.
    private struct Grouped {
        let group: Group
        private(set) var batch = Batch()
        private(set) var pushes: [PreparedPush] = []

        init(group: Group) { self.group = group }

        mutating func append(
            _ push: PreparedPush, _ collector: ReceiptCollector?, _ receivers: FormTally,
            by compressor: MessageCompressor
        ) {
            batch.append(push, collector, receivers, by: compressor)
            pushes.append(push)
        }
    }

    /// A push to certain sessions, each of which has its frame already.
    struct Selection {
        let sessions: [Session]
        let push: PreparedPush
        /// When it was accepted, if that is known.
        let sentAt: UInt64?
        let collector: ReceiptCollector?
        /// Sessions that are meant as well and have no room for it.
        let leftOut: Int
    }

    private var all: Batch?
    private var groups: [ObjectIdentifier: Grouped] = [:]
    private var selections: [Selection] = []
    /// Pushes to single sessions, whose origins get their receipts directly.
    var singles: [(session: Session, push: BusPush)] = []
    /// A push to a group or to all is among the selections, which leave after the batches.
    private(set) var isSelecting = false

    mutating func select(
        _ sessions: [Session], _ push: PreparedPush, _ collector: ReceiptCollector?, leftOut: Int, isOrdered: Bool
    ) {
        selections.append(
            Selection(
                sessions: sessions, push: push, sentAt: push.push.sentAt, collector: collector, leftOut: leftOut))
        if isOrdered { isSelecting = true }
    }

    mutating func addToAll(
        _ push: PreparedPush, _ collector: ReceiptCollector?, _ receivers: FormTally, by compressor: MessageCompressor
    ) {
        var batch = all ?? Batch()
        all = nil
        batch.append(push, collector, receivers, by: compressor)
        all = batch
    }

    mutating func add(
        _ push: PreparedPush, to group: Group, _ collector: ReceiptCollector?, _ receivers: FormTally,
        by compressor: MessageCompressor
    ) {
        groups[ObjectIdentifier(group), default: Grouped(group: group)].append(
            push, collector, receivers, by: compressor)
    }

    /// What the members of a group are to get when the turn ends, in order.
    func pushes(to group: Group) -> [BusPush] { groups[ObjectIdentifier(group)]?.pushes.map(\.push) ?? [] }

    /// Pushes to a group of which this session has the frames already.
    func selected(for session: Session, of group: GroupName) -> [BusPush] {
        selections.compactMap { selection in
            let push = selection.push.push
            return push.target == .group(group) && selection.sessions.contains { $0 === session } ? push : nil
        }
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

import NIOCore
import SwitchboardProtocol

/// What is to leave at the end of a loop's turn.
struct Outbox {
    /// Pushes to the same receivers, one frame behind the other.
    struct Batch {
        private(set) var raw: ByteBuffer?
        private(set) var framed: ByteBuffer?
        private(set) var pushes = 0
        private(set) var collectors: [ReceiptCollector] = []

        mutating func append(_ push: PreparedPush, _ collector: ReceiptCollector?, _ counters: ShardCounters) {
            pushes += 1
            if let collector { collectors.append(collector) }
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

    private var all: Batch?
    private var groups: [ObjectIdentifier: (group: Group, batch: Batch)] = [:]
    var selections: [(sessions: [Session], collector: ReceiptCollector?)] = []

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

    /// Everything, leaving the outbox empty.
    mutating func take() -> (
        all: Batch?, groups: [(Group, Batch)], selections: [(sessions: [Session], collector: ReceiptCollector?)]
    ) {
        let taken = (all, groups.values.map { ($0.group, $0.batch) }, selections)
        all = nil
        if !groups.isEmpty { groups.removeAll(keepingCapacity: true) }
        selections.removeAll(keepingCapacity: true)
        return taken
    }
}

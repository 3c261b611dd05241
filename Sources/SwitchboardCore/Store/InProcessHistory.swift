import DequeModule
import NIOCore
import SwitchboardProtocol

/// What one channel was sent, in memory. A struct without I/O; its holder keeps the lock and the time.
struct InProcessHistory: Sendable {
    private struct Entry {
        let push: BusPush
        let offset: StreamOffset
        let expiresAt: UInt64
        var cost: Int { push.payload.bytes.readableBytes + InProcessMailbox.entryOverhead }
    }

    private var entries: Deque<Entry> = []
    private(set) var newest: StreamOffset
    /// The newest that is not there any more: who has seen less than it has missed something.
    private var dropped: StreamOffset
    private(set) var cost = 0
    private var nextExpiry = UInt64.max

    /// - Parameter newest: What is taken to have been here before, and gone.
    init(newest: StreamOffset) {
        self.newest = newest
        dropped = newest
    }

    var count: Int { entries.count }

    func has(_ offset: StreamOffset) -> Bool {
        let index = index(behind: offset)
        return index > 0 && entries[index - 1].offset == offset
    }

    mutating func append(_ push: BusPush, at offset: StreamOffset) {
        let entry = Entry(push: push, offset: offset, expiresAt: push.durable?.expiresAt ?? .max)
        entries.append(entry)
        cost += entry.cost
        newest = offset
        nextExpiry = min(nextExpiry, entry.expiresAt)
    }

    /// - Returns: nil when something behind `offset` is gone, or more than `limit` are there.
    func pushes(after offset: StreamOffset, limit: Int) -> [BusPush]? {
        guard offset >= dropped, offset <= newest else { return nil }
        let start = index(behind: offset)
        guard entries.count - start <= limit else { return nil }
        return entries[start...].map(\.push)
    }

    /// The newest of them, oldest first.
    func newest(_ limit: Int) -> [BusPush] { entries.suffix(limit).map(\.push) }

    mutating func trim(to limit: Int) {
        while entries.count > limit { dropFirst() }
    }

    mutating func trim(upTo offset: StreamOffset) {
        while let first = entries.first, first.offset <= offset { dropFirst() }
    }

    private mutating func dropFirst() {
        let entry = entries.removeFirst()
        cost -= entry.cost
        dropped = max(dropped, entry.offset)
    }

    mutating func expire(now: UInt64) {
        guard now >= nextExpiry else { return }
        while let first = entries.first, first.expiresAt <= now { dropFirst() }
        for entry in entries where entry.expiresAt <= now {
            cost -= entry.cost
            dropped = max(dropped, entry.offset)
        }
        entries.removeAll { $0.expiresAt <= now }
        nextExpiry = entries.reduce(.max) { min($0, $1.expiresAt) }
    }

    private func index(behind offset: StreamOffset) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].offset > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

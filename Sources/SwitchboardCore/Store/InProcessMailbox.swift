import DequeModule
import NIOCore
import SwitchboardProtocol

/// The durable queue of one client, in memory. A struct without I/O; its holder keeps the locks and the time.
struct InProcessMailbox: Sendable {
    /// What an entry costs beside its payload, about.
    static let entryOverhead = 512

    /// A class, so that a removal in the middle moves little.
    private final class Entry: Sendable {
        let push: BusPush
        let offset: StreamOffset
        let expiresAt: UInt64
        let collapse: String?

        init(_ push: BusPush, _ place: BusPush.Place) {
            self.push = push
            offset = place.offset
            expiresAt = push.durable?.expiresAt ?? .max
            collapse = push.durable?.collapse
        }

        var bytes: Int { push.payload.bytes.readableBytes }
        var cost: Int { bytes + InProcessMailbox.entryOverhead }
    }

    private var entries: Deque<Entry> = []
    private var byCollapse: [String: StreamOffset] = [:]
    private var bytes = 0
    /// The newest offset ever given.
    private var newest = StreamOffset.zero
    /// No entry expires before.
    private var nextExpiry = UInt64.max
    /// True as a rule: then the next to expire is the first.
    private var isInOrderOfExpiry = true
    /// Removed, but nobody has been told yet.
    private var expired: [Expired] = []

    /// Nothing that anybody could still ask for.
    var isEmpty: Bool { entries.isEmpty && expired.isEmpty }
    /// Whether an entry waits for the client.
    var hasMail: Bool { !entries.isEmpty }
    /// Whether ``expire(now:budget:)`` or ``takeExpired(budget:)`` has something to do.
    func isDue(_ now: UInt64) -> Bool { nextExpiry <= now || !expired.isEmpty }
    var size: MailboxSize { MailboxSize(pushes: entries.count, bytes: bytes) }

    /// What has to go so that a push fits.
    private struct Plan {
        var collapsed: Entry?
        var displaced: [Entry] = []
        var freed: Int { (collapsed?.cost ?? 0) + displaced.reduce(0) { $0 + $1.cost } }
    }

    /// Keeps a push, unless it does not fit.
    ///
    /// - Parameter nextOffset: Asked only when the push is kept.
    /// - Returns: What became of it (`nodes` is 0), and the push with its place when it was kept.
    mutating func enqueue(
        _ push: BusPush, limits: MailboxLimits, budget: MemoryBudget, nextOffset: () -> StreamOffset
    ) -> (Enqueued, BusPush?) {
        let payload = push.payload.bytes.readableBytes
        guard let plan = plan(payload, collapse: push.durable?.collapse, limits),
            budget.take(payload + Self.entryOverhead - plan.freed)
        else { return (.full(size), nil) }
        if let entry = plan.collapsed { drop(at: index(of: entry.offset)) }
        for entry in plan.displaced { drop(at: index(of: entry.offset)) }

        let place = BusPush.Place(offset: nextOffset(), previous: newest)
        var push = push
        push.payload.bytes = push.payload.bytes.compacted()
        push.durable?.place = place
        let entry = Entry(push, place)
        newest = place.offset
        if let last = entries.last, last.expiresAt > entry.expiresAt { isInOrderOfExpiry = false }
        entries.append(entry)
        bytes += payload
        nextExpiry = min(nextExpiry, entry.expiresAt)
        if let collapse = entry.collapse { byCollapse[collapse] = place.offset }
        return (
            .stored(
                place, nodes: 0, collapsed: plan.collapsed?.push.id, displaced: plan.displaced.map(\.push.id),
                size: size),
            push
        )
    }

    /// - Returns: nil when the push cannot be kept.
    private func plan(_ payload: Int, collapse: String?, _ limits: MailboxLimits) -> Plan? {
        let maximumBytes = limits.bytes > 0 ? limits.bytes : .max
        let maximumPushes = limits.pushes > 0 ? limits.pushes : .max
        guard payload <= maximumBytes else { return nil }
        var plan = Plan()
        var (pushes, bytes) = (entries.count, bytes)
        if let offset = collapse.flatMap({ byCollapse[$0] }) {
            let entry = entries[index(of: offset)]
            plan.collapsed = entry
            (pushes, bytes) = (pushes - 1, bytes - entry.bytes)
        }
        for entry in entries {
            if pushes < maximumPushes, bytes <= maximumBytes - payload { return plan }
            guard limits.overflow == .displace else { return nil }
            if entry === plan.collapsed { continue }
            plan.displaced.append(entry)
            (pushes, bytes) = (pushes - 1, bytes - entry.bytes)
        }
        return plan
    }

    /// A page of what is there, without looking at the time.
    func page(after offset: StreamOffset?, limit: Int, bytes: Int) -> (pushes: [BusPush], hasMore: Bool) {
        var index = offset.map { self.index(behind: $0) } ?? 0
        var pushes: [BusPush] = []
        var size = 0
        while index < entries.count, pushes.count < limit, pushes.isEmpty || size + entries[index].bytes <= bytes {
            pushes.append(entries[index].push)
            size += entries[index].bytes
            index += 1
        }
        return (pushes, index < entries.count)
    }

    mutating func acknowledge(upTo offset: StreamOffset, budget: MemoryBudget) -> [AckedPush] {
        let end = index(behind: offset)
        let acked = entries.prefix(end).map { entry in
            let push = entry.push
            let waiter = push.waits ? push.origin.map { AckedPush.Waiter(node: $0, ticket: push.ticket) } : nil
            return AckedPush(id: push.id, waiter: waiter)
        }
        for entry in entries.prefix(end) {
            budget.give(entry.cost)
            leave(entry)
        }
        entries.removeFirst(end)
        if entries.isEmpty { noteExpiries() }
        return acked
    }

    /// - Returns: false when there is no such push.
    mutating func cancel(_ push: PushID, budget: MemoryBudget) -> Bool {
        var isFound = false
        while let index = entries.firstIndex(where: { $0.push.id == push }) {
            budget.give(entries[index].cost)
            drop(at: index)
            isFound = true
        }
        return isFound
    }

    mutating func removeAll(budget: MemoryBudget) -> [PushID] {
        let removed = entries.map(\.push.id)
        for entry in entries { budget.give(entry.cost) }
        entries = []
        byCollapse = [:]
        bytes = 0
        noteExpiries()
        return removed
    }

    struct Expired: Hashable {
        let id: PushID
        let trace: TraceContext?
    }

    /// Removes what has expired; ``takeExpired(budget:)`` tells what it was. An id that was not told yet takes its room still.
    mutating func expire(now: UInt64, budget: MemoryBudget) {
        guard now >= nextExpiry else { return }
        if isInOrderOfExpiry {
            while let first = entries.first, first.expiresAt <= now {
                entries.removeFirst()
                expire(first, budget)
            }
        } else {
            let all = entries
            entries.removeAll { $0.expiresAt <= now }
            for entry in all where entry.expiresAt <= now { expire(entry, budget) }
        }
        noteExpiries()
    }

    private mutating func expire(_ entry: Entry, _ budget: MemoryBudget) {
        expired.append(Expired(id: entry.push.id, trace: entry.push.trace))
        budget.give(entry.bytes)
        leave(entry)
    }

    mutating func takeExpired(budget: MemoryBudget) -> [Expired] {
        budget.give(expired.count * Self.entryOverhead)
        defer { expired = [] }
        return expired
    }

    private mutating func noteExpiries() {
        if entries.isEmpty { isInOrderOfExpiry = true }
        nextExpiry =
            isInOrderOfExpiry ? entries.first?.expiresAt ?? .max : entries.reduce(.max) { min($0, $1.expiresAt) }
    }

    private mutating func drop(at index: Int) { leave(entries.remove(at: index)) }

    /// What else knows of an entry that is gone.
    private mutating func leave(_ entry: Entry) {
        bytes -= entry.bytes
        if let key = entry.collapse, byCollapse[key] == entry.offset { byCollapse[key] = nil }
    }

    /// Of the first entry at or behind `offset`.
    private func index(of offset: StreamOffset) -> Int { firstIndex { $0 >= offset } }
    private func index(behind offset: StreamOffset) -> Int { firstIndex { $0 > offset } }

    private func firstIndex(_ isThere: (StreamOffset) -> Bool) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if isThere(entries[middle].offset) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

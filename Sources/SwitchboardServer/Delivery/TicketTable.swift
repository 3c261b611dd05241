/// Values that are known by a number until they are taken out. A number is not given again soon, so that a late answer meets
/// nobody else's value; and finding one needs no hashing.
struct TicketTable<Value> {
    fileprivate struct Slot {
        var generation: UInt64
        var value: Value?
    }

    /// So a ticket fits a JSON number that every reader takes (RFC 8259 section 6): 24 bits of index, 28 of generation.
    private static var indexBits: UInt64 { 24 }
    private static var maximumGeneration: UInt64 { (1 << 28) - 1 }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private let firstGeneration: UInt64

    /// - Parameter firstGeneration: Random, so that answers meant for an earlier process do not fit.
    init(firstGeneration: UInt64 = .random(in: 1...(1 << 27))) {
        self.firstGeneration = max(1, firstGeneration & Self.maximumGeneration)
    }

    var count: Int { slots.count - free.count }

    /// - Returns: nil when there are too many.
    mutating func insert(_ value: Value) -> UInt64? {
        let index: Int
        if let last = free.popLast() {
            index = last
            slots[index].value = value
        } else {
            index = slots.count
            guard index < 1 << Self.indexBits else { return nil }
            slots.append(Slot(generation: firstGeneration, value: value))
        }
        return slots[index].generation << Self.indexBits | UInt64(index)
    }

    private func index(of ticket: UInt64) -> Int? {
        let index = Int(ticket & (1 << Self.indexBits - 1))
        guard index < slots.count, slots[index].generation == ticket >> Self.indexBits, slots[index].value != nil else {
            return nil
        }
        return index
    }

    /// Changes a value in place.
    ///
    /// - Returns: nil when there is none for this ticket.
    mutating func update<Result>(_ ticket: UInt64, _ body: (inout Value) -> Result) -> Result? {
        guard let index = index(of: ticket) else { return nil }
        return slots[index].value.mutated(body)
    }

    @discardableResult
    mutating func remove(_ ticket: UInt64) -> Value? {
        guard let index = index(of: ticket) else { return nil }
        let value = slots[index].value.take()
        slots[index].generation = slots[index].generation == Self.maximumGeneration ? 1 : slots[index].generation + 1
        free.append(index)
        return value
    }

    /// Every value with its ticket.
    func visit(_ body: (UInt64, Value) -> Void) {
        for (index, slot) in slots.enumerated() {
            if let value = slot.value { body(slot.generation << Self.indexBits | UInt64(index), value) }
        }
    }
}

extension TicketTable: Sendable where Value: Sendable {}
extension TicketTable.Slot: Sendable where Value: Sendable {}

extension Optional {
    fileprivate mutating func mutated<Result>(_ body: (inout Wrapped) -> Result) -> Result? {
        guard var value = take() else { return nil }
        defer { self = value }
        return body(&value)
    }
}

/// One timer for all sessions of an event loop: a ring of slots that a single repeated tick walks along.
///
/// The wheel holds tokens and no references. A token whose session has gone stays until its slot comes round, and then means
/// nothing to its owner; so nothing is ever searched or removed.
public struct TimerWheel: Sendable {
    private var slots: [[(token: UInt64, due: UInt64)]]
    /// Ticks that have passed.
    public private(set) var now: UInt64 = 0

    /// - Parameter slots: Ticks in one turn of the wheel. A longer wait takes several turns.
    public init(slots: Int) {
        self.slots = Array(repeating: [], count: max(2, slots))
    }

    /// Makes `token` due after `ticks` ticks, one at least.
    public mutating func schedule(_ token: UInt64, after ticks: UInt64) {
        let due = now + max(1, ticks)
        slots[Int(due % UInt64(slots.count))].append((token, due))
    }

    /// One tick passes.
    ///
    /// - Returns: The tokens that are due now.
    public mutating func tick() -> [UInt64] {
        now += 1
        let index = Int(now % UInt64(slots.count))
        guard !slots[index].isEmpty else { return [] }
        var due: [UInt64] = []
        var later: [(token: UInt64, due: UInt64)] = []
        for entry in slots[index] {
            if entry.due <= now { due.append(entry.token) } else { later.append(entry) }
        }
        slots[index] = later
        return due
    }
}

import DequeModule
import SwitchboardProtocol

/// The ids of the last five minutes, so that a repeat is noticed; bounded in time and in number.
struct RecentIDs: Sendable {
    static let maximum = 100_000

    private var known: Set<String> = []
    private var order: Deque<(id: String, at: UInt64)> = []

    /// - Parameter now: Seconds.
    mutating func contains(_ id: String, now: UInt64) -> Bool {
        forgetOld(now: now)
        return known.contains(id)
    }

    private mutating func forgetOld(now: UInt64) {
        while let oldest = order.first, oldest.at + UInt64(UpstreamMessage.idLifetime) <= now {
            order.removeFirst()
            known.remove(oldest.id)
        }
    }

    /// - Parameter now: Seconds.
    /// - Returns: false when the id is known already.
    mutating func insert(_ id: String, now: UInt64) -> Bool {
        forgetOld(now: now)
        guard known.insert(id).inserted else { return false }
        if order.count >= Self.maximum, let oldest = order.popFirst() { known.remove(oldest.id) }
        order.append((id, now))
        return true
    }
}

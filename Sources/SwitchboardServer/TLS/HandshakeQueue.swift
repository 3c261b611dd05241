import DequeModule

/// TLS handshakes that are under way on an event loop, the oldest first, and never more than a limit.
///
/// When there are too many, one that lasts is the first to go: an honest client is done within some round trips, so one that opens
/// connections and says nothing gets in its own way. When none lasts, a whole fleet comes back at once: then those that have
/// begun are worth more than those that come.
struct HandshakeQueue<Element> {
    enum Admission {
        /// By which number it ends, and which handshake has to give way.
        case admitted(number: UInt64, displaced: Element?)
        case refused
    }

    /// Nanoseconds for which nobody has to give way.
    static var grace: UInt64 { 1_000_000_000 }

    private let limit: Int
    private var order: Deque<(number: UInt64, began: UInt64)> = []
    private var elements: [UInt64: Element] = [:]
    private var last: UInt64 = 0

    /// - Parameter limit: 0 means none.
    init(limit: Int) { self.limit = limit }

    var count: Int { elements.count }
    /// With those that have ended and not been cleared away yet.
    var remembered: Int { order.count }

    /// - Parameter now: Monotonic nanoseconds.
    mutating func begin(_ element: Element, now: UInt64) -> Admission {
        var displaced: Element?
        if limit > 0, elements.count >= limit {
            displaced = removeOldest(before: now)
            guard displaced != nil else { return .refused }
        }
        last += 1
        elements[last] = element
        order.append((last, now))
        return .admitted(number: last, displaced: displaced)
    }

    mutating func end(_ number: UInt64) {
        guard elements.removeValue(forKey: number) != nil else { return }
        // Behind an old one that lasts, those that have ended must not gather.
        guard order.count > 2 * elements.count + 64 else { return }
        let living = elements
        order.removeAll { living[$0.number] == nil }
    }

    private mutating func removeOldest(before now: UInt64) -> Element? {
        while let first = order.first {
            guard elements[first.number] != nil else {
                order.removeFirst()
                continue
            }
            guard first.began + Self.grace <= now else { return nil }
            order.removeFirst()
            return elements.removeValue(forKey: first.number)
        }
        return nil
    }
}

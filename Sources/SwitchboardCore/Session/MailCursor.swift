/// Decides, for one session, when a durable push to its client is handed over: first what waited in the mailbox, then what
/// comes, in order, none twice, and none left out. A struct without I/O.
///
/// Every durable push names the offset before it, so a push that was lost on the bus shows with the next one, and the
/// mailbox is read again from where the session stands.
public struct MailCursor: Sendable {
    /// The newest offset that was handed to the session.
    public private(set) var handed = StreamOffset.zero
    /// The newest offset that was heard of.
    private var heard = StreamOffset.zero
    /// What was heard of when the read under way began; nil when there is none.
    private var reading: StreamOffset?
    /// The mailbox has to be read once more after the read under way.
    private var isCheckDue = false

    public init() {}

    public var isReading: Bool { reading != nil }

    /// What to do with a push that came over the bus.
    public enum Arrival: Hashable, Sendable {
        case send
        /// It was handed over before.
        case repeated
        /// A read of the mailbox brings it; `begins` asks for one behind ``handed``.
        case hold(begins: Bool)
    }

    public mutating func arrived(_ place: BusPush.Place) -> Arrival {
        guard place.offset > handed else { return .repeated }
        heard = max(heard, place.offset)
        if isReading { return .hold(begins: false) }
        guard place.previous <= handed else {
            reading = heard
            return .hold(begins: true)
        }
        handed = place.offset
        return .send
    }

    /// Something may wait in the mailbox: at the beginning of a session, and after the bus was away.
    ///
    /// - Returns: true when the mailbox is to be read behind ``handed``; false when it is being read already.
    public mutating func check() -> Bool {
        guard !isReading else {
            // The read under way may have begun before whatever makes this check necessary.
            isCheckDue = true
            return false
        }
        reading = heard
        return true
    }

    /// Whether a push of a page is to be handed over; said for each in order.
    public mutating func take(_ place: BusPush.Place) -> Bool {
        guard place.offset > handed else { return false }
        handed = place.offset
        return true
    }

    /// A page is handed over.
    ///
    /// - Parameter hasMore: Whether anything was behind it.
    /// - Returns: true when the next one is to be read.
    public mutating func finished(hasMore: Bool) -> Bool {
        guard let began = reading else { return false }
        if hasMore {
            reading = heard
            return true
        }
        // What was heard of before the read began and was not in it is gone: acked, cancelled or expired.
        handed = max(handed, began)
        guard heard > handed || isCheckDue else {
            reading = nil
            return false
        }
        isCheckDue = false
        reading = heard
        return true
    }

    /// The mailbox could not be read; it is tried again when the bus is back, or with the next push.
    public mutating func failed() {
        reading = nil
        isCheckDue = false
    }
}

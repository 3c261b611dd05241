import NIOCore

/// How long a request's body has been waited for. Only the time in which the node would have read more counts, so that a caller
/// is not blamed for a node that is slow to take what it sent. A struct without I/O.
struct BodyClock {
    private let limit: TimeAmount
    private var left: TimeAmount
    private var waitingSince: NIODeadline?

    /// - Parameter limit: What may be waited in all.
    init(limit: TimeAmount) {
        self.limit = limit
        left = limit
    }

    /// More is wanted.
    mutating func wants(at now: NIODeadline) { waitingSince = waitingSince ?? now }

    /// Something has come.
    ///
    /// - Parameter isPart: It is worth something by itself, as a line is: the waiting begins anew.
    mutating func came(at now: NIODeadline, isPart: Bool) {
        if let since = waitingSince { left = left - (now - since) }
        waitingSince = nil
        if isPart { left = limit }
    }

    /// - Returns: What is left at `now`; nothing or less when it has taken too long.
    func remaining(at now: NIODeadline) -> TimeAmount { waitingSince.map { left - (now - $0) } ?? left }
}

/// How many sessions are told to go next, so that the rate holds and the last one is still gone in time. Times are handed in:
/// seconds since the draining began.
struct DrainPace {
    /// The longest time over which those that are told at once are spread.
    static let longestSpread = 5.0
    /// The most of the limit that is kept for close handshakes and for requests that are under way.
    private static let longestRest = 8.0

    /// Sessions a second; 0 means no limit.
    let rate: Int
    /// When the last session must have been told.
    let lastCall: Double
    /// Each session that is told goes within so many seconds, at a moment of its own.
    let spread: Double

    private var allowance = 0.0
    private var last: Double

    /// - Parameters:
    ///   - limit: Seconds that draining may take; 0 means no limit.
    ///   - now: When the first session may be told.
    init(rate: Int, limit: Double, sessions: Int, now: Double) {
        self.rate = rate
        last = now
        let left = limit > 0 ? max(0, limit - min(Self.longestRest, limit / 4) - now) : .infinity
        spread = rate > 0 ? min(Self.longestSpread, left / 2, max(1, Double(sessions) / Double(rate))) : 0
        lastCall = now + left - spread
    }

    /// - Parameter left: Sessions that have not been told yet.
    /// - Returns: How many of them are to be told now.
    mutating func due(at now: Double, left: Int) -> Int {
        guard rate > 0, now < lastCall else { return left }
        // Whoever would be late at the set rate goes faster.
        let needed = lastCall.isFinite ? Double(left) / (lastCall - now) : 0
        allowance = min(Double(left), allowance + max(Double(rate), needed) * max(0, now - last))
        last = max(last, now)
        let due = Int(allowance)
        allowance -= Double(due)
        return due
    }
}

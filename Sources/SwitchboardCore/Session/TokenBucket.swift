/// A rate limit with a burst, counted lazily: no timer.
public struct TokenBucket: Sendable {
    private let rate: Float
    private let burst: Float
    private var tokens: Float
    private var last: UInt64

    /// - Parameters:
    ///   - rate: Tokens a second; 0 means no limit.
    ///   - burst: The most tokens that gather.
    ///   - now: Monotonic nanoseconds.
    public init(rate: Int, burst: Int, now: UInt64) {
        self.rate = Float(rate)
        self.burst = Float(max(burst, 1))
        self.tokens = Float(max(burst, 1))
        self.last = now
    }

    /// Takes tokens.
    ///
    /// - Returns: false when there are not that many; then none is taken.
    public mutating func take(_ count: Int = 1, now: UInt64) -> Bool {
        guard rate > 0 else { return true }
        if now > last {
            tokens = min(burst, tokens + Float(now - last) / 1e9 * rate)
            last = now
        }
        guard tokens >= Float(count) else { return false }
        tokens -= Float(count)
        return true
    }

    /// Seconds until the next token, one at least, as `Retry-After` wants it.
    public var retryAfter: Int {
        rate > 0 ? max(1, Int(((1 - tokens) / rate).rounded(.up))) : 1
    }
}

import NIOCore

/// How much terminals may send: a node closes clients that send more than it allows (4 MiB and 1000 pieces a second unless it is
/// set otherwise), and the agent's own messages have to fit, too.
///
/// Without a clock, so that it can be tested.
struct TerminalBudget {
    /// Bytes of output a second. In base 64 it is a third more.
    static let rate: Int64 = 2 << 20
    /// What each piece costs besides its bytes, so that there are at most 512 a second.
    static let pieceCost: Int64 = 4096
    /// What may be sent at once.
    static let burst: Int64 = 512 << 10

    private var left = TerminalBudget.burst
    private var seenAt: NIODeadline?

    /// When the next piece may be sent; nil for at once.
    mutating func opensAt(_ now: NIODeadline) -> NIODeadline? {
        if let seenAt, left < Self.burst {
            // Nothing is earned beyond the burst, and after weeks without a viewer the product would not fit.
            let waited = min((now - seenAt).nanoseconds, 1_000_000_000)
            let earned = waited / 1000 * Self.rate / 1_000_000
            // A part of a byte is not lost: it is counted with the next look.
            guard earned > 0 else { return left > 0 ? nil : opening(seenAt) }
            left = min(Self.burst, left + earned)
        }
        seenAt = now
        return left > 0 ? nil : opening(now)
    }

    private func opening(_ now: NIODeadline) -> NIODeadline {
        now + .microseconds((1 - left) * 1_000_000 / Self.rate + 1)
    }

    /// A piece was sent. It may be larger than what was left, once.
    mutating func spend(_ bytes: Int) { left -= Int64(bytes) + Self.pieceCost }
}

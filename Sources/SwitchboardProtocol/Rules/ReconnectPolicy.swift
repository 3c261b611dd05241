/// When an agent connects again: full jitter, delay = random(0, min(max, min * 2^n)).
///
/// | situation | delay in seconds |
/// |---|---|
/// | the n-th failed attempt in a row (n from 0) | random(0, min(maximum, minimum * 2^n)) |
/// | the first attempt after a healthy link was lost | random(0, 5), so that a dead node's clients do not arrive at once |
/// | `Retry-After` or `after=` was given | that long at least, plus the jitter above |
///
/// The count starts anew once a connection has been stable for 60 s, or for 5 s when the node itself asked the agent to come
/// back elsewhere: moved from node to node while a cluster is rolled, it has failed at nothing. The struct holds no clock and no source of chance:
/// both are given, so every rule is tested with plain values.
public struct ReconnectPolicy: Sendable {
    /// The first delay's upper bound, in seconds; the server's `hello` may set it.
    public var minimum: Double
    /// The largest upper bound, in seconds; the server's `hello` may set it.
    public var maximum: Double
    /// A connection that lived this many seconds was healthy: the count starts anew.
    public static let stableAfter = 60.0
    /// A connection that lived this many seconds until the node sent the agent elsewhere was no failure.
    public static let settledAfter = 5.0
    /// The spread in seconds of the first attempt after a healthy link was lost.
    public static let lossSpread = 5.0

    public private(set) var failures = 0

    public init(minimum: Double = 1, maximum: Double = 30) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The connection did what it should until the node sent the agent elsewhere: the count starts anew.
    public mutating func settled() { failures = 0 }

    /// The upper bound in seconds of the jitter of the next attempt.
    public var bound: Double {
        min(maximum, minimum * Double(1 << min(failures, 30)))
    }

    /// The connection ended, or could not be made: how long to wait, in seconds.
    ///
    /// - Parameters:
    ///   - lifetime: Seconds for which the connection was open; nil when it was never open.
    ///   - atLeast: The delay the server asked for, in seconds.
    ///   - random: A number in 0..<1.
    public mutating func delay(afterLifetime lifetime: Double?, atLeast: Double? = nil, random: Double) -> Double {
        if let lifetime, lifetime >= Self.stableAfter { failures = 0 }
        let bound = lifetime != nil && failures == 0 ? max(Self.lossSpread, self.bound) : self.bound
        failures += 1
        return (atLeast ?? 0) + bound * random
    }
}

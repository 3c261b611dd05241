/// When a session is pinged and when it counts as dead. Time is in ticks of the loop's timer wheel.
///
/// Any frame of the client counts as life, a pong or not: a busy client whose pong waits behind its messages is alive.
public struct Heartbeat: Sendable {
    private let interval: UInt32
    private let timeout: UInt32
    private var isAlive = true
    private var awaitsAnswer = false

    /// What to do when a session's timer is due.
    public enum Action: Hashable, Sendable {
        /// Send a ping, and come back after that many ticks to see whether it was answered.
        case ping(next: UInt64)
        /// Come back after that many ticks.
        case wait(next: UInt64)
        /// No life sign since the ping.
        case dead
    }

    /// - Parameters:
    ///   - interval: Ticks between pings.
    ///   - timeout: Ticks within which a life sign must follow a ping.
    public init(interval: UInt32, timeout: UInt32) {
        self.interval = max(1, interval)
        self.timeout = max(1, timeout)
    }

    /// Something came from the client.
    public mutating func heard() { isAlive = true }

    /// The session's timer is due: after the wait that the last action named.
    public mutating func due() -> Action {
        if awaitsAnswer {
            awaitsAnswer = false
            guard isAlive else { return .dead }
            if interval > timeout { return .wait(next: UInt64(interval - timeout)) }
        }
        isAlive = false
        awaitsAnswer = true
        return .ping(next: UInt64(timeout))
    }
}

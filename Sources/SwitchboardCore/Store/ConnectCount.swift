/// Counts one client's connects (``RegistrationLimit``).
struct ConnectCount: Sendable {
    /// Unix seconds.
    private var windowStart: UInt32 = 0
    private var connects: UInt32 = 0
    private var coolUntil: UInt32 = 0

    /// One more connect, at `now` (Unix milliseconds).
    ///
    /// - Returns: Seconds for which the client has to wait; nil when it may connect.
    mutating func count(now: UInt64) -> Int? {
        let now = UInt32(truncatingIfNeeded: now / 1000)
        guard now >= coolUntil else { return Int(coolUntil - now) }
        if now >= windowStart + UInt32(RegistrationLimit.window) {
            windowStart = now
            connects = 0
        }
        connects += 1
        guard connects > RegistrationLimit.connects else { return nil }
        coolUntil = now + UInt32(RegistrationLimit.coolDown)
        return RegistrationLimit.coolDown
    }
}

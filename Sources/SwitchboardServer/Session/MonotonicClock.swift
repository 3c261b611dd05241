import NIOCore

/// Monotonic time, for rates and round trips.
enum MonotonicClock {
    static func nanoseconds() -> UInt64 { NIODeadline.now().uptimeNanoseconds }
    static func milliseconds() -> UInt64 { nanoseconds() / 1_000_000 }
}

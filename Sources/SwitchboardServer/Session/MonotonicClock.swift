import NIOCore

/// Monotonic time, for rates and round trips.
enum MonotonicClock {
    static func nanoseconds() -> UInt64 { NIODeadline.now().uptimeNanoseconds }
}

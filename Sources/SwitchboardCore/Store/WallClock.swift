#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Unix time, for what people and other machines read. Durations are measured by a monotonic clock instead.
public enum WallClock {
    public static func milliseconds() -> UInt64 { microseconds() / 1000 }

    public static func microseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}

/// When a set of keys is fetched: now and then, and when a token names a key that it does not have, but not as often as
/// somebody invents names. Times are nanoseconds of any clock.
struct KeySetSchedule {
    enum Step: Hashable {
        /// Fetch, or wait for the fetch that is under way.
        case fetch
        /// The newest set does not have it.
        case absent
        /// Nobody can say now; ask again after so many seconds.
        case later(Int)
    }

    /// The least time between two fetches that tokens have caused.
    static let pause: UInt64 = 10_000_000_000
    /// The time after a fetch that failed, which doubles until it reaches the interval.
    static let firstRetry: UInt64 = 5_000_000_000
    /// The most names that are remembered.
    private static let maximumAbsent = 100

    /// The time between two fetches.
    private let interval: UInt64
    private var begunAt: UInt64?
    private var endedAt: UInt64 = 0
    private var isUnderWay = false
    private var failures = 0
    private var absent: Set<String> = []

    /// - Parameter interval: 0 fetches at the start and for unknown keys only.
    init(interval: UInt64) { self.interval = interval }

    /// A token names a key that is not there.
    ///
    /// A client that is refused does not come back, so it is refused only when a set that was fetched after the last
    /// change it could have missed says so; while nobody can tell, it is asked to come again.
    func step(missing id: String, now: UInt64) -> Step {
        if isUnderWay { return .fetch }
        guard let begunAt, now < begunAt + Self.pause else { return .fetch }
        if failures == 0, absent.contains(id) { return .absent }
        return .later(max(1, Int((begunAt + Self.pause - now + 999_999_999) / 1_000_000_000)))
    }

    /// A fetch that began after the question has not brought the key.
    mutating func note(absent id: String) {
        if absent.count < Self.maximumAbsent { absent.insert(id) }
    }

    mutating func began(now: UInt64) {
        begunAt = now
        isUnderWay = true
    }

    mutating func ended(isSuccess: Bool, now: UInt64) {
        endedAt = now
        isUnderWay = false
        failures = isSuccess ? 0 : failures + 1
        if isSuccess { absent.removeAll() }
    }

    /// When to fetch again by itself; nil for never.
    var due: UInt64? {
        guard failures > 0 else { return interval > 0 ? endedAt + interval : nil }
        let longest = interval > 0 ? interval : 300_000_000_000
        return endedAt + min(Self.firstRetry << UInt64(min(failures - 1, 10)), max(longest, Self.firstRetry))
    }
}

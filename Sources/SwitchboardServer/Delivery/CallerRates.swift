import SwitchboardCore

/// Requests a second of each caller: one that floods does not keep the others out.
struct CallerRates {
    /// The most callers that are told apart. Names are given by whoever makes keys and tokens, so it takes one of them to
    /// reach this.
    static let maximum = 10_000
    /// Nanoseconds after which a bucket is full again, and as good as a new one.
    private static let memory: UInt64 = 1_000_000_000

    private struct Caller: Hashable {
        let kind: Principal.Kind
        let name: String
    }

    private struct Account {
        var bucket: TokenBucket
        var lastAt: UInt64
    }

    private let rate: Int
    /// Of those that nobody has asked who they are, and of those beyond ``maximum``.
    private var shared: TokenBucket
    private var accounts: [Caller: Account] = [:]
    private var sweptAt: UInt64

    /// - Parameters:
    ///   - rate: 0 means no limit.
    ///   - now: Monotonic nanoseconds.
    init(rate: Int, now: UInt64) {
        self.rate = rate
        shared = TokenBucket(rate: rate, burst: rate, now: now)
        sweptAt = now
    }

    /// - Returns: Seconds to wait, when the rate is exceeded.
    mutating func wait(_ principal: Principal, now: UInt64) -> Int? {
        guard principal.kind != .anonymous else { return Self.wait(&shared, now) }
        let caller = Caller(kind: principal.kind, name: principal.name)
        if let index = accounts.index(forKey: caller) {
            accounts.values[index].lastAt = now
            return Self.wait(&accounts.values[index].bucket, now)
        }
        if accounts.count >= Self.maximum { sweep(now) }
        guard accounts.count < Self.maximum else { return Self.wait(&shared, now) }
        var bucket = TokenBucket(rate: rate, burst: rate, now: now)
        let seconds = Self.wait(&bucket, now)
        accounts[caller] = Account(bucket: bucket, lastAt: now)
        return seconds
    }

    private static func wait(_ bucket: inout TokenBucket, _ now: UInt64) -> Int? {
        bucket.take(now: now) ? nil : bucket.retryAfter
    }

    /// Forgets those that have not asked lately.
    private mutating func sweep(_ now: UInt64) {
        guard now >= sweptAt + Self.memory else { return }
        sweptAt = now
        accounts = accounts.filter { now < $0.value.lastAt + Self.memory }
    }
}

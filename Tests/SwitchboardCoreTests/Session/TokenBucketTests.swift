import SwitchboardCore
import Testing

@Suite struct TokenBucketTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func aBurstAndThenTheRate() {
        var bucket = TokenBucket(rate: 10, burst: 3, now: 5)
        for _ in 0..<3 { #expect(bucket.take(now: 5) == true) }
        #expect(bucket.take(now: 5) == false)
        #expect(bucket.take(now: 5 + Self.second / 20) == false)
        #expect(bucket.take(now: 5 + Self.second / 10) == true)
        #expect(bucket.take(now: 5 + Self.second / 10) == false)
    }

    @Test func severalAreTakenTogetherOrNotAtAll() {
        var bucket = TokenBucket(rate: 10, burst: 10, now: 0)
        #expect(bucket.take(7, now: 0) == true)
        #expect(bucket.take(4, now: 0) == false)
        #expect(bucket.take(3, now: 0) == true)
        #expect(bucket.take(11, now: Self.second) == false)
        #expect(bucket.take(10, now: Self.second) == true)
    }

    @Test func noMoreThanTheBurstGathers() {
        var bucket = TokenBucket(rate: 1000, burst: 2, now: 0)
        #expect((0..<5).map { _ in bucket.take(now: 3600 * Self.second) } == [true, true, false, false, false])
    }

    @Test func aRateOfZeroMeansNoLimit() {
        var bucket = TokenBucket(rate: 0, burst: 0, now: 0)
        #expect((0..<1000).allSatisfy { _ in bucket.take(now: 0) } == true)
        #expect(bucket.retryAfter == 1)
    }

    @Test func aBurstOfZeroIsABurstOfOne() {
        var bucket = TokenBucket(rate: 1, burst: 0, now: 0)
        #expect(bucket.take(now: 0) == true)
        #expect(bucket.take(now: 0) == false)
        #expect(bucket.take(now: Self.second) == true)
    }

    @Test func aClockThatStepsBackGivesNothing() {
        var bucket = TokenBucket(rate: 1, burst: 1, now: 10 * Self.second)
        #expect(bucket.take(now: 10 * Self.second) == true)
        #expect(bucket.take(now: 5 * Self.second) == false)
        #expect(bucket.take(now: 10 * Self.second) == false)
        #expect(bucket.take(now: 11 * Self.second) == true)
    }

    @Test(arguments: [(1, 1), (2, 5), (50, 100), (2000, 2000)])
    func afterRetryAfterThereIsAToken(rate: Int, burst: Int) {
        var bucket = TokenBucket(rate: rate, burst: burst, now: 0)
        while bucket.take(now: 0) {}
        #expect(bucket.retryAfter == 1)
        #expect(bucket.take(now: UInt64(bucket.retryAfter) * Self.second) == true)
    }

    @Test(arguments: Seeded.seeds)
    func neitherExceedsTheRateNorStarves(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<50 {
            // With a burst of one, what comes in between two questions may be more than fits.
            let (rate, burst) = (1 + random.below(500), 2 + random.below(200))
            var bucket = TokenBucket(rate: rate, burst: burst, now: 0)
            var now: UInt64 = 0
            var taken = 0
            for _ in 0..<2000 {
                now += UInt64(random.below(Int(Self.second) / rate))
                if bucket.take(now: now) { taken += 1 }
            }
            // Asked twice per token on average, so the bucket is nearly always empty: no token may be lost either.
            let allowed = Double(burst) + Double(now) / Double(Self.second) * Double(rate)
            #expect(Double(taken) <= allowed * 1.001 + 1, "rate \(rate), burst \(burst)")
            #expect(Double(taken) >= min(2000, allowed * 0.999 - Double(burst) - 1), "rate \(rate), burst \(burst)")
        }
    }
}

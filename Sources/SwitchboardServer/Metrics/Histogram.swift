/// The upper bounds of a histogram's buckets, as whole numbers of a small unit, and how that unit relates to the one that is told.
struct HistogramScale: Hashable, Sendable {
    /// Rising; beyond the last there is one more bucket.
    let bounds: [Int]
    /// How many of the small units make one that is told.
    let unitsPerWhole: Double

    private init(_ bounds: [Int], unitsPerWhole: Double) {
        self.bounds = bounds
        self.unitsPerWhole = unitsPerWhole
    }

    /// Microseconds, told as seconds: from 100 us to 10 s.
    static let latency = HistogramScale(
        [
            100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
            5_000_000, 10_000_000,
        ], unitsPerWhole: 1_000_000)

    /// Microseconds, told as seconds: from 1 ms to 10 min, the longest time that a command may take.
    static let conversation = HistogramScale(
        [
            1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
            10_000_000, 30_000_000, 60_000_000, 300_000_000, 600_000_000,
        ], unitsPerWhole: 1_000_000)

    /// Things.
    static let count = HistogramScale([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], unitsPerWhole: 1)

    /// Bytes, in powers of four from 256 to 4 MiB.
    static let bytes = HistogramScale((4...11).map { 1 << (2 * $0) }, unitsPerWhole: 1)

    /// Where a value is counted.
    func bucket(of value: Int) -> Int {
        // Most values are small, and there are few bounds: a search from below ends sooner than one by halves.
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        return index
    }
}

/// How often values fell between which bounds. Belongs to whoever counts; for many threads there is ``HistogramCell``.
struct Histogram: Hashable, Sendable {
    let scale: HistogramScale
    /// For each bucket by itself; the last is for what is beyond all bounds.
    private(set) var counts: [Int]
    /// In the small unit.
    private(set) var sum = 0

    init(_ scale: HistogramScale) {
        self.scale = scale
        counts = [Int](repeating: 0, count: scale.bounds.count + 1)
    }

    var total: Int { counts.reduce(0, +) }

    /// - Parameters:
    ///   - value: In the small unit; a negative one, as clocks that differ make it, counts as 0.
    ///   - times: How many had this value.
    mutating func record(_ value: Int, times: Int = 1) {
        let value = max(0, value)
        counts[scale.bucket(of: value)] &+= times
        sum &+= value &* times
    }

    /// Both must have the same scale.
    static func + (left: Histogram, right: Histogram) -> Histogram {
        var sum = left
        for index in sum.counts.indices where index < right.counts.count { sum.counts[index] &+= right.counts[index] }
        sum.sum &+= right.sum
        return sum
    }
}

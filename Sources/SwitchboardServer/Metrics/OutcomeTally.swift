/// How often each of a few things happened, for a metric with the label `outcome`.
struct OutcomeTally<Outcome: CaseIterable & Hashable & RawRepresentable & Sendable>: Sendable
where Outcome.RawValue == String {
    private var counts: [Outcome: Int] = [:]

    mutating func count(_ outcome: Outcome) { counts[outcome, default: 0] &+= 1 }

    subscript(_ outcome: Outcome) -> Int { counts[outcome] ?? 0 }

    static func + (left: OutcomeTally, right: OutcomeTally) -> OutcomeTally {
        var sum = left
        sum.counts.merge(right.counts, uniquingKeysWith: &+)
        return sum
    }

    /// All of them, also those that did not happen: a counter that appears with its first 1 shows no rise.
    var samples: [MetricSample] {
        Outcome.allCases.map { MetricSample(self[$0], MetricLabel("outcome", $0.rawValue)) }
    }
}

public import SwitchboardProtocol

/// The counts of a push's answer (`http-api`): matched = delivered + dropped, and nothing is counted twice.
public struct PushCounts: Hashable, Sendable {
    public var matched = 0
    public var delivered = 0
    public var acked = 0
    public var queued = 0
    public var offline = 0
    public var dropped = 0
    public var nodes = 0

    public init() {}
}

/// What became of a push: the counts, and whether they are final.
public struct PushReport: Hashable, Sendable {
    public var counts: PushCounts
    /// False when a node has not said in time what it did.
    public var isFinal: Bool

    public init(counts: PushCounts, isFinal: Bool) {
        self.counts = counts
        self.isFinal = isFinal
    }
}

extension Int {
    /// A receipt comes from outside: absurd counts must not end the process.
    fileprivate func clampedSum(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// Gathers the receipts of one push until every node that it reached has answered. A struct without I/O.
public struct PushTracker: Sendable {
    /// How many clients the target names; the ones that are nowhere are `offline`.
    private let named: Int
    private var counts = PushCounts()
    private var replies = ReplyTracker()

    /// - Parameter target: Whom the push is meant for.
    public init(target: Target) {
        named =
            switch target {
            case .client: 1
            case .clients(let clients): clients.count
            case .group, .labels, .all: 0
            }
    }

    /// The bus says how many nodes were reached.
    ///
    /// - Returns: The report, when nothing is pending any more.
    public mutating func published(toNodes nodes: Int) -> PushReport? {
        replies.published(toNodes: nodes) ? report(isFinal: true) : nil
    }

    /// A node says what it did. A second receipt of a node is ignored.
    public mutating func received(_ receipt: Receipt) -> PushReport? {
        switch replies.answered(receipt.node) {
        case .repeated: return nil
        case .counted(let isComplete):
            counts.matched = counts.matched.clampedSum(receipt.matched)
            counts.delivered = counts.delivered.clampedSum(receipt.delivered)
            counts.dropped = counts.dropped.clampedSum(receipt.dropped)
            if receipt.matched > 0 { counts.nodes += 1 }
            return isComplete ? report(isFinal: true) : nil
        }
    }

    /// These nodes are the living ones (``ReplyTracker/living(_:)``).
    public mutating func living(_ nodes: Set<NodeID>) -> PushReport? {
        replies.living(nodes) ? report(isFinal: true) : nil
    }

    /// The time is up: what is known so far.
    public func expired() -> PushReport { report(isFinal: false) }

    private func report(isFinal: Bool) -> PushReport {
        var counts = counts
        // Who has not been found is offline only once every node has spoken.
        if isFinal { counts.offline = max(0, named - counts.matched) }
        return PushReport(counts: counts, isFinal: isFinal)
    }
}

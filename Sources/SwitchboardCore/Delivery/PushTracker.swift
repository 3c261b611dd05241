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
    /// The nodes behind `counts.nodes`, for pushes whose reports are added up: those that go to mailboxes.
    public var holders: [NodeID]

    public init(counts: PushCounts, isFinal: Bool, holders: [NodeID] = []) {
        self.counts = counts
        self.isFinal = isFinal
        self.holders = holders
    }
}

extension Int {
    /// For counts that come from outside: absurd ones must not end the process.
    public func clampedSum(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// Gathers the receipts of one push, and the acks when somebody waits for them, until nothing is pending any more. A struct
/// without I/O.
public struct PushTracker: Sendable {
    /// How many clients the target names; the ones that are nowhere are `offline`.
    private let named: Int
    /// Who is offline finds it in the mailbox.
    private let isStored: Bool
    private let waits: Bool
    private var counts = PushCounts()
    private var replies = ReplyTracker()
    private var haveAllReplied = false
    private var holders: [NodeID] = []

    /// - Parameters:
    ///   - target: Whom the push is meant for.
    ///   - isStored: Each client that it names has it in its mailbox; never for a target that names none.
    ///   - waits: The report is final only when everyone has acked.
    public init(target: Target, isStored: Bool = false, waits: Bool = false) {
        named =
            switch target {
            case .client: 1
            case .clients(let clients): clients.count
            case .group, .labels, .all: 0
            }
        self.isStored = isStored
        self.waits = waits
    }

    /// Whether the bus has said how many nodes were reached.
    public var isPublished: Bool { replies.isPublished }

    /// The bus says how many nodes were reached.
    ///
    /// - Returns: The report, when nothing is pending any more.
    public mutating func published(toNodes nodes: Int) -> PushReport? {
        if replies.published(toNodes: nodes) { haveAllReplied = true }
        return finalReport
    }

    /// A node says what it did. A second receipt of a node is ignored.
    public mutating func received(_ receipt: Receipt) -> PushReport? {
        switch replies.answered(receipt.node) {
        case .repeated: return nil
        case .counted(let isComplete):
            counts.matched = counts.matched.clampedSum(receipt.matched)
            counts.delivered = counts.delivered.clampedSum(receipt.delivered)
            counts.dropped = counts.dropped.clampedSum(receipt.dropped)
            if receipt.matched > 0 {
                counts.nodes += 1
                if isStored { holders.append(receipt.node) }
            }
            if isComplete { haveAllReplied = true }
            return finalReport
        }
    }

    /// Clients have acked.
    public mutating func acknowledged(_ acknowledgement: Acknowledgement) -> PushReport? {
        counts.acked = counts.acked.clampedSum(acknowledgement.clients)
        return finalReport
    }

    /// These nodes are the living ones (``ReplyTracker/living(_:)``).
    public mutating func living(_ nodes: Set<NodeID>) -> PushReport? {
        if replies.living(nodes) { haveAllReplied = true }
        return finalReport
    }

    /// The time is up: what is known so far.
    public func expired() -> PushReport { report(isFinal: false) }

    private var finalReport: PushReport? {
        // Who was skipped finds a stored push in its mailbox, and acks it then.
        guard haveAllReplied, !waits || counts.acked >= (isStored ? counts.matched : counts.delivered) else {
            return nil
        }
        return report(isFinal: true)
    }

    private func report(isFinal: Bool) -> PushReport {
        var counts = counts
        if isStored, counts.acked > counts.delivered {
            // Clients got it from their mailboxes: later, or at another node than the one that it was sent to first.
            counts.delivered = min(named, counts.acked)
            counts.matched = max(counts.matched, counts.delivered)
            counts.dropped = counts.matched - counts.delivered
            counts.nodes = max(1, counts.nodes)
        }
        counts.acked = min(counts.acked, counts.delivered)
        // Who has not been found is offline only once every node has spoken; but what is kept is kept.
        let absent = max(0, named - counts.matched)
        if haveAllReplied { counts.offline = absent }
        if isStored { counts.queued = absent }
        return PushReport(counts: counts, isFinal: isFinal, holders: holders)
    }
}

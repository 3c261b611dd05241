import SwitchboardCore
import SwitchboardProtocol
import Testing

/// Walks through many random orders of events beside a model that says the rules in the plainest way.
@Suite struct PushTrackerWalkTests {
    private enum Event: CustomStringConvertible {
        case published(Int)
        case receipt(Receipt)
        case living(Set<NodeID>)
        case acks(Int)

        var description: String {
            switch self {
            case .published(let nodes): "published(\(nodes))"
            case .receipt(let receipt): "\(receipt.node)=\(receipt.delivered)+\(receipt.dropped)"
            case .living(let nodes): "living\(nodes.map(\.rawValue).sorted())"
            case .acks(let clients): "acks(\(clients))"
            }
        }
    }

    private struct Model {
        let named: Int
        let isStored: Bool
        let waits: Bool
        var receipts: [NodeID: Receipt] = [:]
        var reached: Int?
        var acked = 0
        var holders: [NodeID] = []
        /// Once known it stays so, whatever is heard later.
        var haveAllReplied = false

        mutating func apply(_ event: Event) {
            var living: Set<NodeID> = []
            switch event {
            case .published(let nodes): reached = nodes
            case .receipt(let receipt) where receipts[receipt.node] == nil:
                receipts[receipt.node] = receipt
                if isStored && receipt.matched > 0 { holders.append(receipt.node) }
            case .receipt: break
            case .living(let nodes): living = nodes
            case .acks(let clients): acked += clients
            }
            guard let reached else { return }
            if receipts.count >= reached { haveAllReplied = true }
            if !living.isEmpty, living.isSubset(of: receipts.keys) { haveAllReplied = true }
        }

        private var delivered: Int { receipts.values.reduce(0) { $0 + $1.delivered } }
        private var dropped: Int { receipts.values.reduce(0) { $0 + $1.dropped } }
        /// Who was skipped finds a stored push in the mailbox.
        var isComplete: Bool { haveAllReplied && (!waits || acked >= delivered + (isStored ? dropped : 0)) }

        func report() -> PushReport {
            var counts = PushCounts()
            counts.delivered = delivered
            counts.dropped = dropped
            counts.nodes = receipts.values.count { $0.matched > 0 }
            if isStored && acked > counts.delivered {
                // Who acked was there, whatever the receipts say.
                let more = min(named, acked) - counts.delivered
                counts.delivered += more
                counts.dropped = max(0, counts.dropped - more)
                counts.nodes = max(1, counts.nodes)
            }
            counts.matched = counts.delivered + counts.dropped
            counts.acked = min(acked, counts.delivered)
            let absent = max(0, named - counts.matched)
            counts.offline = haveAllReplied ? absent : 0
            counts.queued = isStored ? absent : 0
            return PushReport(counts: counts, isFinal: isComplete, holders: holders)
        }
    }

    private func randomTarget(_ random: inout Seeded) -> (Target, named: Int) {
        switch random.below(4) {
        case 0: return (.client(client("c")), 1)
        case 1:
            let count = 1 + random.below(12)
            return (.clients((0..<count).map { client("c\($0)") }), count)
        case 2: return (.group(group("g")), 0)
        default: return (.all, 0)
        }
    }

    private func randomEvents(_ random: inout Seeded) -> [Event] {
        let names = (0..<random.below(6)).map { node("n\($0)") }
        var events: [Event] = []
        for name in names where random.chance(85) {
            for _ in 0..<(random.chance(25) ? 2 : 1) {
                let (delivered, dropped) = (random.below(4), random.below(3))
                events.append(
                    .receipt(
                        Receipt(
                            ticket: 1, node: name, matched: delivered + dropped,
                            delivered: delivered,
                            dropped: dropped)))
            }
        }
        if random.chance(90) { events.append(.published(max(0, names.count + random.below(4) - 1))) }
        for _ in 0..<random.below(3) { events.append(.living(Set(names.filter { _ in random.chance(70) }))) }
        for _ in 0..<random.below(4) { events.append(.acks(random.below(4))) }
        events.shuffle(using: &random)
        return events
    }

    @Test(arguments: Seeded.seeds)
    func everyOrderOfEvents(seed: UInt64) {
        var random = Seeded(seed)
        var completions = 0
        var expiries = 0
        for _ in 0..<20_000 {
            let (target, named) = randomTarget(&random)
            let events = randomEvents(&random)
            let (isStored, waits) = (named > 0 && random.chance(50), random.chance(50))
            var tracker = PushTracker(target: target, isStored: isStored, waits: waits)
            var model = Model(named: named, isStored: isStored, waits: waits)
            var report: PushReport?
            for event in events where report == nil {
                model.apply(event)
                report =
                    switch event {
                    case .published(let nodes): tracker.published(toNodes: nodes)
                    case .receipt(let receipt): tracker.received(receipt)
                    case .living(let nodes): tracker.living(nodes)
                    case .acks(let clients):
                        tracker.acknowledged(Acknowledgement(ticket: 1, node: node("n0"), clients: clients))
                    }
                guard (report != nil) == model.isComplete else {
                    Issue.record("\(events): at \(event) the report is \(String(describing: report))")
                    return
                }
            }
            if report != nil { completions += 1 } else { expiries += 1 }
            let last = report ?? tracker.expired()
            guard last == model.report(), last.counts.matched == last.counts.delivered + last.counts.dropped else {
                Issue.record("\(events): \(last) instead of \(model.report())")
                return
            }
        }
        // The walk would prove nothing if it only ever ended in one way.
        #expect(completions > 1000)
        #expect(expiries > 1000)
    }
}

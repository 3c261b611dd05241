import SwitchboardCore
import SwitchboardProtocol
import Testing

/// Walks through many random orders of events beside a model that says the rules in the plainest way.
@Suite struct PushTrackerWalkTests {
    private enum Event: CustomStringConvertible {
        case published(Int)
        case receipt(Receipt)
        case living(Set<NodeID>)

        var description: String {
            switch self {
            case .published(let nodes): "published(\(nodes))"
            case .receipt(let receipt): "\(receipt.node)=\(receipt.delivered)+\(receipt.dropped)"
            case .living(let nodes): "living\(nodes.map(\.rawValue).sorted())"
            }
        }
    }

    private struct Model {
        let named: Int
        var receipts: [NodeID: Receipt] = [:]
        var reached: Int?
        var living: Set<NodeID> = []

        var isComplete: Bool {
            guard let reached else { return false }
            return receipts.count >= reached || !living.isEmpty && living.isSubset(of: receipts.keys)
        }

        func counts(isFinal: Bool) -> PushCounts {
            var counts = PushCounts()
            counts.delivered = receipts.values.reduce(0) { $0 + $1.delivered }
            counts.dropped = receipts.values.reduce(0) { $0 + $1.dropped }
            counts.matched = counts.delivered + counts.dropped
            counts.nodes = receipts.values.count { $0.matched > 0 }
            counts.offline = isFinal ? max(0, named - counts.matched) : 0
            return counts
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
                            push: PushID(unchecked: "p"), node: name, matched: delivered + dropped,
                            delivered: delivered,
                            dropped: dropped)))
            }
        }
        if random.chance(90) { events.append(.published(max(0, names.count + random.below(4) - 1))) }
        for _ in 0..<random.below(3) { events.append(.living(Set(names.filter { _ in random.chance(70) }))) }
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
            var tracker = PushTracker(target: target)
            var model = Model(named: named)
            var report: PushReport?
            for event in events where report == nil {
                model.living = []
                switch event {
                case .published(let nodes):
                    model.reached = nodes
                    report = tracker.published(toNodes: nodes)
                case .receipt(let receipt):
                    if model.receipts[receipt.node] == nil { model.receipts[receipt.node] = receipt }
                    report = tracker.received(receipt)
                case .living(let nodes):
                    model.living = nodes
                    report = tracker.living(nodes)
                }
                guard (report != nil) == model.isComplete else {
                    Issue.record("\(events): at \(event) the report is \(String(describing: report))")
                    return
                }
            }
            let isFinal = report != nil
            if isFinal { completions += 1 } else { expiries += 1 }
            let last = report ?? tracker.expired()
            guard last == PushReport(counts: model.counts(isFinal: isFinal), isFinal: isFinal),
                last.counts.matched == last.counts.delivered + last.counts.dropped
            else {
                Issue.record("\(events): \(last) instead of \(model.counts(isFinal: isFinal))")
                return
            }
        }
        // The walk would prove nothing if it only ever ended in one way.
        #expect(completions > 1000)
        #expect(expiries > 1000)
    }
}

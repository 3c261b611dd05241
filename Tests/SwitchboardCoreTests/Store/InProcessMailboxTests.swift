import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

/// Walks through many random operations beside a model that says the rules in the plainest way.
@Suite struct InProcessMailboxTests {
    private struct Item: Equatable {
        let id: PushID
        let offset: StreamOffset
        let bytes: Int
        let expiresAt: UInt64
        let collapse: String?
    }

    private struct Model {
        var items: [Item] = []
        var newest = StreamOffset.zero

        var bytes: Int { items.reduce(0) { $0 + $1.bytes } }
        var size: MailboxSize { MailboxSize(pushes: items.count, bytes: bytes) }

        mutating func enqueue(_ item: Item, _ limits: MailboxLimits) -> Enqueued {
            var left = items
            var collapsed: PushID?
            if let index = left.firstIndex(where: { $0.collapse != nil && $0.collapse == item.collapse }) {
                collapsed = left.remove(at: index).id
            }
            func fits() -> Bool {
                (limits.pushes == 0 || left.count < limits.pushes)
                    && (limits.bytes == 0 || left.reduce(0) { $0 + $1.bytes } + item.bytes <= limits.bytes)
            }
            var displaced: [PushID] = []
            while !fits() {
                guard limits.overflow == .displace, !left.isEmpty else { return .full(size) }
                displaced.append(left.removeFirst().id)
            }
            let place = BusPush.Place(offset: item.offset, previous: newest)
            newest = item.offset
            items = left + [item]
            return .stored(place, nodes: 0, collapsed: collapsed, displaced: displaced, size: size)
        }

        mutating func remove(_ isGone: (Item) -> Bool) -> [PushID] {
            defer { items.removeAll(where: isGone) }
            return items.filter(isGone).map(\.id)
        }
    }

    private func push(_ item: Item) -> BusPush {
        BusPush(
            id: item.id, target: .client(client("a")),
            payload: Payload(format: .binary, bytes: ByteBuffer(repeating: 1, count: item.bytes)), waits: true,
            durable: BusPush.Durable(expiresAt: item.expiresAt, collapse: item.collapse))
    }

    @Test(arguments: Seeded.seeds)
    func likeAPlainList(seed: UInt64) throws {
        var random = Seeded(seed)
        let budget = MemoryBudget(1 << 30)
        var seen: [String: Int] = [:]
        for _ in 0..<60 {
            var (box, model, offsets) = (InProcessMailbox(), Model(), OffsetClock())
            var now: UInt64 = 1000
            let isOrderly = random.chance(50)
            for step in 0..<120 {
                now += UInt64(random.below(4))
                box.expire(now: now, budget: budget)
                let expired = model.remove { $0.expiresAt <= now }
                try #require(Set(box.takeExpired(budget: budget).map(\.id)) == Set(expired))
                seen["expired", default: 0] += expired.count
                switch random.below(10) {
                case 0..<6:
                    let item = Item(
                        id: PushID(unchecked: "p\(step)"), offset: offsets.next(now: now), bytes: random.below(20),
                        expiresAt: now + 1 + UInt64(isOrderly ? 100 : random.below(200)),
                        collapse: random.chance(40) ? "k\(random.below(4))" : nil)
                    let limits = MailboxLimits(
                        pushes: random.below(12), bytes: random.below(90),
                        overflow: random.chance(50) ? .refuse : .displace)
                    let (outcome, kept) = box.enqueue(push(item), limits: limits, budget: budget) { item.offset }
                    var expected = Enqueued.full(model.size)
                    if limits.bytes == 0 || item.bytes <= limits.bytes { expected = model.enqueue(item, limits) }
                    try #require(outcome == expected)
                    switch outcome {
                    case .full:
                        #expect(kept == nil)
                        seen["full", default: 0] += 1
                    case .stored(let place, _, let collapsed, let displaced, _):
                        #expect(kept?.durable?.place == place)
                        if collapsed != nil { seen["collapsed", default: 0] += 1 }
                        seen["displaced", default: 0] += displaced.count
                    }
                case 6:
                    let index = random.below(model.items.count + 2)
                    let offset = index < model.items.count ? model.items[index].offset : offsets.newest
                    let acked = box.acknowledge(upTo: offset, budget: budget).map(\.id)
                    try #require(acked == model.remove { $0.offset <= offset })
                    seen["acked", default: 0] += acked.count
                case 7:
                    let id = model.items.randomElement(using: &random)?.id ?? PushID(unchecked: "none")
                    try #require(box.cancel(id, budget: budget) == !model.remove { $0.id == id }.isEmpty)
                case 8 where random.chance(10):
                    try #require(box.removeAll(budget: budget) == model.remove { _ in true })
                default:
                    let after = model.items.randomElement(using: &random)?.offset
                    let (pushes, hasMore) = box.page(after: after, limit: 1 + random.below(5), bytes: .max)
                    let behind = model.items.filter { after == nil || $0.offset > after ?? .zero }.map(\.id)
                    try #require(pushes.map(\.id) == Array(behind.prefix(pushes.count)))
                    try #require(hasMore == (pushes.count < behind.count))
                }
                try #require(box.size == model.size)
                try #require(box.hasMail == !model.items.isEmpty)
                try #require(box.page(after: nil, limit: .max, bytes: .max).pushes.map(\.id) == model.items.map(\.id))
                let cost = model.bytes + model.items.count * InProcessMailbox.entryOverhead
                try #require(budget.bytes == cost)
            }
            _ = box.removeAll(budget: budget)
        }
        // The walk would prove nothing if these did not occur.
        for name in ["expired", "full", "collapsed", "displaced", "acked"] {
            #expect(seen[name, default: 0] > 15, "\(name)")
        }
    }

    /// A payload that is a small piece of a large receive buffer must not keep that buffer alive.
    @Test func whatIsKeptHasItsOwnSmallStorage() {
        var large = ByteBuffer(repeating: 1, count: 1 << 20)
        let item = Item(
            id: PushID(unchecked: "p"), offset: .zero, bytes: 0, expiresAt: .max, collapse: nil)
        var push = push(item)
        push.payload.bytes = large.readSlice(length: 100) ?? ByteBuffer()
        var box = InProcessMailbox()
        let budget = MemoryBudget(1 << 20)
        _ = box.enqueue(push, limits: .unlimited, budget: budget) { StreamOffset(milliseconds: 1, sequence: 0) }
        let kept = box.page(after: nil, limit: 1, bytes: 1).pushes.first?.payload.bytes
        #expect(kept == push.payload.bytes)
        #expect(kept.map { $0.storageCapacity < 1024 } == true)
    }
}

extension MailboxLimits {
    static let unlimited = MailboxLimits(pushes: 0, bytes: 0, overflow: .refuse)
}

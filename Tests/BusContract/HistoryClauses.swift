import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

private let shop = Target.group(group("shop:1"))

extension Node {
    /// - Returns: That many pushes in the history, with their places.
    fileprivate func fill(_ target: Target, _ count: Int, limit: Int = 0) async throws -> [BusPush] {
        var kept: [BusPush] = []
        for index in 0..<count {
            let push = durablePush("p\(index)", to: target)
            kept.append(push.placed(try await append(push, limit: limit).place))
        }
        return kept
    }
}

extension BusPush {
    fileprivate var historyOffset: HistoryOffset? {
        place.flatMap { place in place.epoch.map { HistoryOffset(epoch: $0, offset: place.offset) } }
    }
}

extension BusContract {
    static let histories: [ContractClause] = [
        ContractClause("a durable push to many reaches every node, with its place") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            let sent = [durablePush("1", to: shop, waits: true), durablePush("2\n", to: .all, id: "2")]
            let one = try await nodes[0].append(sent[0], limit: 10)
            let two = try await nodes[1].append(sent[1], limit: 0)
            #expect(one.nodes == 3)
            #expect(two.nodes == 3)
            let expected = [BusMessage.push(sent[0].placed(one.place)), .push(sent[1].placed(two.place))]
            for node in nodes { #expect(await node.recorder.relevant(2) == expected) }
            #expect(one.place.epoch?.isEmpty == false)
            #expect(one.place.epoch?.contains(":") == false)
            #expect(HistoryOffset(one.place.text)?.offset == one.place.offset)
        },
        ContractClause("the newest pushes of a channel can be had, oldest first") { cluster in
            let node = try await cluster.node("n1")
            #expect(try await node.newestHistory(of: "group:shop:1", limit: 3).pushes == [])
            let kept = try await node.fill(shop, 5)
            let page = try await node.newestHistory(of: "group:shop:1", limit: 3)
            #expect(page.pushes == Array(kept.suffix(3)))
            #expect(page.newest == kept.last?.historyOffset)
            #expect(try await node.newestHistory(of: "group:shop:1", limit: 300).pushes == kept)
        },
        ContractClause("who has published a push is kept with it") { cluster in
            let node = try await cluster.node("n1")
            var push = durablePush("1", to: shop)
            push.from = client("anna")
            _ = try await node.append(push)
            #expect(try await node.newestHistory(of: "group:shop:1", limit: 1).pushes?.first?.from == client("anna"))
        },
        ContractClause("a channel's name never gets in the way of another's") { cluster in
            let node = try await cluster.node("n1")
            let names = ["bar:state", "bar", "bar:state:state", "history", "history:state"]
            for name in names { _ = try await node.history(of: "group:" + name, after: nil) }
            for name in names {
                let kept = try await node.fill(.group(group(name)), 2)
                let page = try await node.history(of: "group:" + name, after: kept[0].historyOffset)
                #expect(page.pushes == [kept[1]])
            }
        },
        ContractClause("who names the last push it saw gets all that followed, as it was, on any node") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let kept = try await first.fill(shop, 5)
            _ = try await first.fill(.all, 2)
            _ = try await first.fill(.group(group("shop:2")), 2)
            let newest = try #require(kept[4].historyOffset)
            for node in [first, second] {
                for seen in 0..<5 {
                    let page = try await node.history(of: "group:shop:1", after: kept[seen].historyOffset)
                    #expect(page == HistoryPage(newest: newest, pushes: Array(kept[(seen + 1)...])))
                }
                #expect(
                    try await node.history(of: "group:shop:1", after: nil) == HistoryPage(newest: newest, pushes: []))
            }
            #expect(try await second.history(of: "all", after: nil).newest != newest)
        },
        ContractClause("every place in a history names the one before it and is of one epoch") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var last = try await first.history(of: "group:shop:1", after: nil).newest
            for index in 0..<10 {
                let node = index % 2 == 0 ? first : second
                let place = try await node.append(durablePush("\(index)", to: shop), limit: 3).place
                #expect(place.epoch == last.epoch)
                #expect(place.previous == last.offset)
                #expect(place.offset > last.offset)
                last.offset = place.offset
            }
            #expect(try await second.history(of: "group:shop:1", after: last) == HistoryPage(newest: last, pushes: []))
        },
        ContractClause("a history stands somewhere before anything is in it") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let begin = try await first.history(of: "group:shop:1", after: nil)
            #expect(begin.pushes == [])
            #expect(begin.newest.offset == .zero)
            #expect(try await second.history(of: "group:shop:1", after: begin.newest) == begin)
            let kept = try await second.fill(shop, 2)
            let page = try await first.history(of: "group:shop:1", after: begin.newest)
            #expect(page.pushes == kept)
            #expect(page.newest == kept[1].historyOffset)
        },
        ContractClause("another epoch recovers nothing") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(shop, 2)
            var seen = try #require(kept[0].historyOffset)
            seen.epoch += "x"
            let page = try await node.history(of: "group:shop:1", after: seen)
            #expect(page == HistoryPage(newest: try #require(kept[1].historyOffset), pushes: nil))
            #expect(try await node.history(of: "group:shop:2", after: seen).pushes == nil)
        },
        ContractClause("too much recovers nothing") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(shop, 5)
            let newest = try #require(kept[4].historyOffset)
            let fits = try await node.history(of: "group:shop:1", after: kept[0].historyOffset, limit: 4)
            #expect(fits == HistoryPage(newest: newest, pushes: Array(kept[1...])))
            let tooMuch = try await node.history(of: "group:shop:1", after: kept[0].historyOffset, limit: 3)
            #expect(tooMuch == HistoryPage(newest: newest, pushes: nil))
        },
        ContractClause("a history keeps no more than its limit, and a hole is noticed") { cluster in
            let node = try await cluster.node("n1")
            let begin = try await node.history(of: "group:shop:1", after: nil).newest
            let kept = try await node.fill(shop, 5, limit: 2)
            for (seen, pushes) in [
                (begin, nil), (kept[0].historyOffset, nil), (kept[1].historyOffset, nil),
                (kept[2].historyOffset, Array(kept[3...])), (kept[3].historyOffset, [kept[4]]),
                (kept[4].historyOffset, []),
            ] as [(HistoryOffset?, [BusPush]?)] {
                #expect(try await node.history(of: "group:shop:1", after: seen).pushes == pushes)
            }
        },
        ContractClause("an expired push is a hole for who has not seen it, and for nobody else") { cluster in
            let node = try await cluster.node("n1")
            let begin = try await node.history(of: "group:shop:1", after: nil).newest
            var kept: [BusPush] = []
            for (name, lifetime) in [("1", 60), ("2", 0.6), ("3", 60)] {
                let push = durablePush(name, to: shop, lifetime: lifetime)
                kept.append(push.placed(try await node.append(push).place))
            }
            try await expiry(of: kept[1])
            #expect(try await node.history(of: "group:shop:1", after: begin).pushes == nil)
            #expect(try await node.history(of: "group:shop:1", after: kept[0].historyOffset).pushes == nil)
            #expect(try await node.history(of: "group:shop:1", after: kept[1].historyOffset).pushes == [kept[2]])
            #expect(try await node.history(of: "group:shop:1", after: kept[2].historyOffset).pushes == [])
        },
        ContractClause("a history of which all has expired is not forgotten") { cluster in
            let node = try await cluster.node("n1")
            var kept: [BusPush] = []
            for name in ["1", "2"] {
                let push = durablePush(name, to: shop, lifetime: 0.6)
                kept.append(push.placed(try await node.append(push).place))
            }
            try await expiry(of: kept[1])
            #expect(try await node.history(of: "group:shop:1", after: kept[0].historyOffset).pushes == nil)
            let newest = try #require(kept[1].historyOffset)
            #expect(
                try await node.history(of: "group:shop:1", after: newest) == HistoryPage(newest: newest, pushes: []))
            let push = durablePush("3", to: shop)
            let next = push.placed(try await node.append(push).place)
            #expect(next.place?.previous == newest.offset)
            #expect(try await node.history(of: "group:shop:1", after: newest).pushes == [next])
            #expect(try await node.history(of: "group:shop:1", after: kept[0].historyOffset).pushes == nil)
        },
        ContractClause("pushes that two nodes append at once arrive everywhere in order") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            let count = 50
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for index in 0..<count {
                    tasks.addTask { _ = try await nodes[index % 2].append(durablePush("\(index)", to: shop)) }
                }
                try await tasks.waitForAll()
            }
            for node in nodes {
                let places = await node.recorder.relevant(count).compactMap { message -> BusPush.Place? in
                    if case .push(let push) = message { push.place } else { nil }
                }
                #expect(places.count == count)
                #expect(places.map(\.previous) == [.zero] + places.map(\.offset).dropLast())
            }
        },
    ]
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    /// Events on their way to the backends.
    static let webhookQueue: [ContractClause] = [
        ContractClause("events come in order, whole, to one worker at a time") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let texts = (0..<20).map { "{\"a\":\"\($0)\n\u{E9}\"}" }
            for text in texts { #expect(try await first.add(text) == .waits) }
            let claim = try await first.claim(events: 15)
            #expect(claim.texts == Array(texts[..<15]))
            #expect(claim.events.allSatisfy { $0.attempts == 0 && $0.refusals == 0 })
            #expect(claim.events.map(\.id) == claim.events.map(\.id).sorted())
            // The client's other events wait until these are settled.
            #expect(try await second.claim().texts == [])
            try await first.deliver(claim)
            #expect(try await second.claim().texts == Array(texts[15...]))
            let status = try await first.store.webhooks.status()
            #expect((status.waiting, status.delivered, status.failures) == (5, 15, 0))
        },
        ContractClause("several workers share the events, and no client is with two of them") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2")]
            for index in 0..<200 { _ = try await nodes[0].add("\(index)", client: "c\(index % 40)") }
            var all: [String] = []
            var lanes: [Set<Int>] = []
            for index in 0..<4 {
                let claim = try await nodes[index % 2].claim(events: 10, requests: 4)
                #expect(claim.events.count == 10)
                all += claim.texts
                lanes.append(Set(claim.events.map(\.lane)))
            }
            #expect(Set(all).count == 40)
            #expect(lanes.reduce(0) { $0 + $1.count } == Set(lanes.joined()).count)
            // All requests that may be under way are.
            #expect(try await nodes[0].claim(requests: 4).events.isEmpty)
            #expect(try await !nodes[0].claim(requests: 5).events.isEmpty)
        },
        ContractClause("a claim ends at its bytes, but has one event at least") { cluster in
            let node = try await cluster.node("n1")
            let big = String(repeating: "x", count: 1000)
            for index in 0..<4 { _ = try await node.add(big + "\(index)") }
            let claim = try await node.claim(bytes: 2500)
            #expect(claim.events.count == 2)
            try await node.deliver(claim)
            #expect(try await node.claim(bytes: 10).events.count == 1)
        },
        ContractClause("what a dead worker had is given to others when its lease is over") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await first.add("one")
            let dead = try await first.claim(lease: 200)
            #expect(dead.texts == ["one"])
            let claim = try await eventually {
                try await second.claim()
            } until: {
                !$0.events.isEmpty
            }
            #expect(claim.texts == ["one"])
            try await second.deliver(claim)
            // It was only slow: what it says now changes nothing.
            try await first.fail(dead, again: 0)
            try await first.deliver(dead)
            let status = try await first.store.webhooks.status()
            #expect((status.waiting, status.bytes, status.delivered) == (0, 0, 1))
        },
        ContractClause("what fails is tried again in its time, and counts its tries") { cluster in
            let node = try await cluster.node("n1")
            _ = try await node.add("one")
            try await node.fail(try await node.claim(), again: 3000)
            _ = try await node.add("two")
            // Others of the client go on meanwhile.
            let other = try await node.claim()
            #expect(other.texts == ["two"])
            #expect(other.failures == 1)
            try await node.deliver(other)
            let again = try await eventually {
                try await node.claim()
            } until: {
                !$0.events.isEmpty
            }
            #expect(again.texts == ["one"])
            #expect(again.events.map(\.attempts) == [1])
            #expect(again.events.map(\.refusals) == [0])
            let status = try await node.store.webhooks.status()
            #expect(status.failures == 0)
            #expect(status.trouble == "HTTP 500")
            #expect(status.troubleAt != nil)
        },
        ContractClause("while nothing succeeds one request is under way, after a pause") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<40 { _ = try await node.add("\(index)", client: "c\(index)") }
            let claim = try await node.claim(events: 5)
            try await node.fail(claim, again: 0, pause: 2000)
            #expect(try await node.claim(events: 5).events.isEmpty)
            #expect(try await node.store.webhooks.status().pausedUntil != nil)
            let probe = try await eventually {
                try await node.claim(events: 5)
            } until: {
                !$0.events.isEmpty
            }
            #expect(try await node.claim(events: 5).events.isEmpty)
            try await node.deliver(probe)
            #expect(try await !node.claim(events: 5).events.isEmpty)
            #expect(try await !node.claim(events: 5).events.isEmpty)
        },
        ContractClause("an event that is refused goes with fewer others, in the end alone") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<30 { _ = try await node.add("\(index)") }
            var sizes: [Int] = []
            repeat {
                let claim = try await node.claim()
                sizes.append(claim.events.count)
                try await node.fail(claim, again: 0, isRefusal: true)
            } while sizes.last != 1 && sizes.count < 6
            // All were refused once before the first is refused again, unless both happened in one millisecond.
            #expect(sizes.first == 30)
            #expect(sizes.last == 1)
            #expect(sizes.dropFirst().dropLast().allSatisfy { $0 == 10 })
        },
        ContractClause("a message with a known id is not added again, one that was refused may come again") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let full = WebhookLimits(events: 1, bytes: 0)
            #expect(try await first.add("one", messageID: "m 1\"", limits: full) == .waits)
            #expect(try await second.add("one", messageID: "m 1\"", limits: full) == .known)
            #expect(try await second.add("two", messageID: "m2", limits: full) == .refused)
            try await first.deliver(try await first.claim())
            #expect(try await second.add("two", messageID: "m2", limits: full) == .waits)
            #expect(try await second.add("three", client: "d", messageID: "m2") == .waits)
            #expect(try await first.store.webhooks.status().refused == 1)
        },
    ]
}

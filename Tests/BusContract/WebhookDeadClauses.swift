import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    /// Events that were given up.
    static let webhookDead: [ContractClause] = [
        ContractClause("what is given up is listed with its reason, replayed by id, and forgotten by id") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            for text in ["one", "two", "three"] { _ = try await first.add(text) }
            let claim = try await first.claim()
            try await first.giveUp(claim)
            let dead = try await second.store.webhooks.dead(limit: 10, after: nil)
            #expect(dead.map { String(buffer: $0.document) } == ["one", "two", "three"])
            #expect(dead.map(\.attempts) == [1, 1, 1])
            #expect(dead.allSatisfy { $0.reason == "HTTP 410" })
            #expect(dead.map(\.addedAt) == claim.events.map(\.id.milliseconds))
            #expect(try await first.claim().events.isEmpty)
            #expect(try await second.store.webhooks.dead(limit: 1, after: dead[0].id).map(\.id) == [dead[1].id])
            #expect(try await second.store.webhooks.replay([dead[2].id, dead[0].id, dead[0].id]) == 2)
            #expect(try await second.store.webhooks.replay([dead[0].id]) == 0)
            #expect(try await Set(first.documents()) == ["one", "three"])
            #expect(try await first.store.webhooks.forget([dead[1].id]) == 1)
            #expect(try await first.store.webhooks.forget([dead[1].id]) == 0)
            let status = try await first.store.webhooks.status()
            #expect((status.dead, status.deadBytes) == (0, 0))
        },
        ContractClause("all that was given up is replayed or forgotten") { cluster in
            let node = try await cluster.node("n1")
            #expect(try await node.store.webhooks.replay(nil) == 0)
            for index in 0..<250 { _ = try await node.add("\(index)") }
            try await node.giveUp(try await node.claim(events: 250))
            #expect(try await node.store.webhooks.status().dead == 250)
            #expect(try await node.store.webhooks.replay(nil) == 250)
            let claim = try await node.claim(events: 250)
            #expect(claim.texts == (0..<250).map { "\($0)" })
            #expect(claim.events.allSatisfy { $0.attempts == 0 })
            try await node.giveUp(claim)
            #expect(try await node.store.webhooks.forget(nil) == 250)
            let status = try await node.store.webhooks.status()
            #expect((status.waiting, status.bytes, status.dead, status.deadBytes) == (0, 0, 0, 0))
        },
        ContractClause("when the queue is full messages are refused and other events are kept apart") { cluster in
            let node = try await cluster.node("n1")
            let limits = WebhookLimits(events: 2, bytes: 0)
            #expect(try await node.add("1", limits: limits) == .waits)
            #expect(try await node.add("2", limits: limits) == .waits)
            #expect(try await node.add("3", limits: limits) == .refused)
            #expect(try await node.add("4", kind: .health, limits: limits) == .refused)
            #expect(try await node.add("5", kind: .pushExpired, limits: limits) == .givenUp)
            let session = node.webhookSession("d")
            try await node.announce(session, "in", limits: limits)
            try await node.lose(session.loss, grace: 0)
            for loss in try await node.overdue(1) { #expect(try await node.tell(loss, "out", limits: limits) == 1) }
            let dead = try await node.store.webhooks.dead(limit: 10, after: nil)
            #expect(dead.map { String(buffer: $0.document) } == ["5", "in", "out"])
            #expect(dead.allSatisfy { $0.reason == "the queue was full" && $0.attempts == 0 })
            #expect(try await node.add("6", limits: WebhookLimits(events: 0, bytes: 2)) == .refused)
            #expect(try await node.add("7", limits: WebhookLimits(events: 3, bytes: 3)) == .waits)
        },
        ContractClause("while nothing can be delivered what is too old is given up, tried or not") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<40 { _ = try await node.add("\(index)", client: "c\(index)") }
            let claim = try await node.claim(events: 1)
            try await node.fail(claim, again: 60_000, pause: 60_000)
            let status = try await eventually {
                #expect(try await node.claim(patience: 300).events.isEmpty)
                return try await node.store.webhooks.status()
            } until: {
                $0.waiting == 0
            }
            #expect((status.waiting, status.bytes, status.dead) == (0, 0, 40))
            let dead = try await node.store.webhooks.dead(limit: 100, after: nil)
            #expect(dead.allSatisfy { $0.reason == "HTTP 500" })
            #expect(dead.map(\.attempts).reduce(0, +) == 1)
            // Replaying ends the pause.
            #expect(try await node.store.webhooks.replay(nil) == 40)
            #expect(try await !node.claim(events: 1).events.isEmpty)
        },
    ]
}

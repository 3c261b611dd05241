import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    /// Which clients the backends believe to be connected.
    static let webhookRoster: [ContractClause] = [
        ContractClause("a client that comes is told once, however often it is said") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let session = first.webhookSession("c")
            #expect(try await first.announce(session, "in"))
            #expect(try await !first.announce(session, "again"))
            // Its newer session elsewhere replaces it.
            #expect(try await !second.announce(second.webhookSession("c", epoch: 2), "newer"))
            #expect(try await first.documents() == ["in"])
            #expect(try await first.store.webhooks.status().live == 1)
        },
        ContractClause("a loss is told when the grace is over, once, whoever tells it") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let session = first.webhookSession("c", epoch: 7)
            try await first.announce(session, nil)
            let loss = SessionLoss(
                client: session.client, session: session.session, at: 1_700_000_000_123, closeCode: 4202,
                reason: "no  pong \"x\" ", isLost: true)
            #expect(try await first.lose(loss, grace: 2000))
            #expect(try await !first.lose(loss, grace: 0))
            #expect(try await first.store.webhooks.overdue(limit: 10).isEmpty)
            #expect(try await first.store.webhooks.status().losses == 1)
            let overdue = try await first.overdue(1)
            #expect(overdue == [OverdueLoss(session: session, loss: loss)])
            #expect(try await second.store.webhooks.overdue(limit: 10) == overdue)
            let told = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for node in [first, second, first, second] {
                    tasks.addTask { try await node.tell(overdue[0], "out") }
                }
                return try await tasks.reduce(0, +)
            }
            #expect(told == 1)
            #expect(try await first.documents() == ["out"])
            let status = try await first.store.webhooks.status()
            #expect((status.live, status.losses) == (0, 0))
            // The next one is a new client.
            #expect(try await first.announce(first.webhookSession("c", epoch: 8), nil))
        },
        ContractClause("who is back within the grace was never gone") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let older = first.webhookSession("c")
            try await first.announce(older, nil)
            try await first.lose(older.loss, grace: 0)
            let overdue = try await first.overdue(1)
            #expect(overdue.count == 1)
            #expect(try await !second.announce(second.webhookSession("c", epoch: 2), "newer"))
            #expect(try await second.store.webhooks.overdue(limit: 10).isEmpty)
            for loss in overdue { #expect(try await first.tell(loss, "out") == 0) }
            #expect(try await first.documents() == [])
            #expect(try await first.store.webhooks.status().losses == 0)
        },
        ContractClause("only the loss of the known session counts") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (older, newer) = (first.webhookSession("c"), second.webhookSession("c", epoch: 2))
            try await first.announce(older, nil)
            try await second.announce(newer, nil)
            #expect(try await !first.lose(older.loss, grace: 0))
            #expect(try await !first.lose(first.webhookSession("nobody").loss, grace: 0))
            // A message of the older one that is late.
            #expect(try await !first.announce(older, "late"))
            #expect(try await !first.lose(older.loss, grace: 0))
            #expect(try await second.lose(newer.loss, grace: 0))
            #expect(try await first.overdue(1).map(\.session) == [newer])
        },
        ContractClause("a session that was taken for lost and lives is not told of") { cluster in
            let node = try await cluster.node("n1")
            let session = node.webhookSession("c")
            try await node.announce(session, nil)
            try await node.store.webhooks.lost([session.loss, node.webhookSession("d").loss], grace: 0)
            #expect(try await node.overdue(1).count == 1)
            #expect(try await !node.announce(session, "again"))
            #expect(try await node.store.webhooks.overdue(limit: 10).isEmpty)
            #expect(try await node.lose(session.loss, grace: 0))
        },
        ContractClause("an epoch that is lower and yet later was counted anew") { cluster in
            let node = try await cluster.node("n1")
            try await node.announce(node.webhookSession("c", epoch: 50), nil)
            let later = node.webhookSession("c", epoch: 1, connectedAt: 1_800_000_000_000)
            try await node.announce(later, nil)
            #expect(try await node.lose(later.loss, grace: 0))
        },
        ContractClause("the sessions of a lost node are told before they are forgotten") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var expected: Set<SessionID> = []
            for index in 0..<5 {
                let (record, epoch) = try await second.join(client("c\(index)"))
                try await second.announce(WebhookSession(record, epoch: epoch), nil)
                expected.insert(record.session)
            }
            // This one has a newer session elsewhere by now.
            let (moved, epoch) = try await first.join(client("c4"))
            try await first.announce(WebhookSession(moved, epoch: epoch), nil)
            try await cluster.lose(second.id)
            // The first attempt fails when it tells of them, so all of them come again.
            struct Failed: Error {}
            await #expect(throws: Failed.self) {
                _ = try await first.store.reap { _ in throw Failed() }
            }
            _ = try await first.store.reap { try await first.store.webhooks.lost($0, grace: 0) }
            let overdue = try await first.overdue(4)
            #expect(Set(overdue.map(\.loss.client.rawValue)) == ["c0", "c1", "c2", "c3"])
            #expect(overdue.allSatisfy { expected.contains($0.loss.session) && $0.loss.closeCode == 1006 })
            #expect(overdue.allSatisfy { $0.loss.reason == NodeLease.lostReason && $0.loss.isLost })
        },
        ContractClause("overdue losses come oldest first, as many as are wanted") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<6 {
                let session = node.webhookSession("c\(index)")
                try await node.announce(session, nil)
                try await node.lose(session.loss, grace: index * 20)
            }
            _ = try await node.overdue(6)
            let names = try await node.store.webhooks.overdue(limit: 3).map(\.loss.client.rawValue)
            #expect(names == ["c0", "c1", "c2"])
        },
    ]
}

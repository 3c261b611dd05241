import Testing

/// A node that neither works nor is gone.
@Suite("A node is frozen", .cluster(isHeavy: true), .logsOnFailure, .serialized, .timeLimit(.minutes(2)))
struct FrozenNodeTests {
    @Test("Nobody hangs on it: 202 within 3 s, and after it goes on everything arrives")
    func short() async throws {
        try await Clients.with { clients, cluster in
            let (frozen, other) = (cluster.nodes[0], cluster.nodes[1])
            let there = try await clients.raw("on-frozen", on: frozen)
            let here = try await clients.raw("on-other", on: other)
            frozen.freeze()
            defer { frozen.thaw() }
            let clock = ContinuousClock()

            let start = clock.now
            let targeted = try await other.api.post("/v1/clients/on-frozen/push", "targeted")
            #expect(clock.now - start < .seconds(3))
            #expect(targeted.status == 202)
            #expect(try targeted.decode(PushAnswer.self).counts == [0, 0, 0, 0, 0, 0, 0], "nobody knows yet")

            let middle = clock.now
            let broadcast = try await other.api.post("/v1/broadcast", "to all")
            #expect(clock.now - middle < .seconds(3))
            #expect(broadcast.status == 202)
            #expect(try broadcast.decode(PushAnswer.self).counts == [1, 1, 0, 0, 0, 0, 1])
            #expect(try await here.text() == "to all")
            // Others are not held up.
            let fast = clock.now
            #expect(try await other.api.post("/v1/clients/on-other/push", "mine").status == 200)
            #expect(clock.now - fast < .milliseconds(500))
            #expect(try await here.text() == "mine")
            let groups = try await other.api.get("/v1/groups", as: GroupPage.self)
            #expect(!groups.complete)

            frozen.thaw()
            // Order is promised within a channel only.
            #expect(try await Set([there.text(), there.text()]) == ["targeted", "to all"])
            try await eventually("it answers again") {
                try await other.api.post("/v1/clients/on-frozen/push", "well").decode(PushAnswer.self).delivered == 1
            }
            try await eventually("it is ready again") { try await frozen.api.isReady() }
        }
    }

    @Test("Frozen for longer than its lease it is taken for dead, and still takes its clients back")
    func long() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            let (frozen, other) = (cluster.nodes[0], cluster.nodes[1])
            let client = try await clients.raw("buried-alive", on: frozen)
            frozen.freeze()
            defer { frozen.thaw() }
            try await eventually("its client is shown as lost", within: .seconds(16)) {
                let info = try await other.api.client("buried-alive")
                return info.state == "suspect" && info.closeReason == "the node was lost"
            }
            // Between the end of the lease and the next round of the reaper a push is still sent to the node: 202, nothing
            // is known of it yet.
            try await eventually("a push finds nobody", within: .seconds(6)) {
                let push = try await other.api.post("/v1/clients/buried-alive/push", "pending")
                guard push.status == 200 else { return false }
                return try push.decode(PushAnswer.self).counts == PushAnswer.missedOne
            }
            let lost = try await other.api.post("/v1/clients/buried-alive/push", "lost")
            #expect(lost.status == 200)
            #expect(try lost.decode(PushAnswer.self).counts == PushAnswer.missedOne)
            let broadcast = try await other.api.post("/v1/broadcast", "while frozen")
            #expect([200, 202].contains(broadcast.status))

            frozen.thaw()
            try await eventually("its client is shown online again", within: .seconds(10)) {
                try await other.api.client("buried-alive").state == "online"
            }
            #expect(try await other.api.post("/v1/clients/buried-alive/push", "alive").status == 200)
            var texts: [String] = []
            while texts.last != "alive" { texts.append(try await client.text()) }
            texts.removeAll { $0 == "pending" }
            #expect(texts == ["while frozen", "alive"], "what nobody was promised to get does not come")
            try await eventually("it is listed again") {
                try await other.api.get("/v1/nodes", as: NodePage.self).nodes.count == 3
            }
        }
    }
}

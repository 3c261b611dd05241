import NIOHTTP1
import Testing

/// SIGTERM to a node of a cluster. Every test stops one for good.
@Suite("A node is stopped", .cluster(), .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct ShutdownTests {
    @Test("Clients are told, each with its own delay, and closed 4200; presence is given up; the exit status is 0")
    func orderly() async throws {
        try await Clients.with { clients, cluster in
            let (node, other) = (cluster.nodes[0], cluster.nodes[1])
            var framed: [SocketClient] = []
            for number in 0..<20 { framed.append(try await clients.framed("stays-\(number)", on: node)) }
            let raw = try await clients.raw("stays-raw", on: node)
            let ending = Task { try await node.terminate() }
            var delays: Set<Double> = []
            for client in framed {
                let goaway = try await client.frame("goaway", of: GoAwayFrame.self, within: .seconds(15))
                #expect(goaway.reconnectAfter >= 0)
                delays.insert(goaway.reconnectAfter)
                let closing = try await client.closing()
                #expect(closing.code == 4200)
                #expect(closing.reason.contains("after=0"))
            }
            #expect(delays.count > 1)
            #expect(try await raw.closing(within: .seconds(15)).code == 4200)
            #expect(try await ending.value == 0)
            #expect(try await other.api.get("/v1/clients?state=online", as: ClientPage.self).clients.isEmpty)
            let info = try await other.api.client("stays-1")
            #expect(info.state == "offline")
            #expect(info.closeCode == 4200)
            try await eventually("it is listed no more") {
                try await other.api.get("/v1/nodes", as: NodePage.self).nodes.map(\.id) == ["n2", "n3"]
            }
            // Nobody waits for it.
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await other.api.post("/v1/broadcast", "x").status == 200)
            #expect(clock.now - start < .seconds(1))
        }
    }

    @Test("Real agents move to another node and are never away for long")
    func agents() async throws {
        let cluster = try Cluster.shared()
        let names = (1...6).map { "moving-\($0)" }
        for name in names {
            _ = try await cluster.run(
                name, Programs.switchboard(),
                ["agent", "--url", "ws://127.0.0.1:\(cluster.entrance)", "--id", name, "--health-interval", "0"])
        }
        let (leaving, staying) = (cluster.nodes[1], cluster.nodes[2])
        try await eventually("all are online", within: .seconds(20)) {
            try await staying.api.get("/v1/clients?state=online", as: ClientPage.self).ids == names
        }
        #expect(try await leaving.terminate() == 0)
        try await eventually("all are on the last node", within: .seconds(10)) {
            try await staying.api.get("/v1/clients?state=online&node=n3", as: ClientPage.self).ids == names
        }
        let answer = try await cluster.api.post("/v1/broadcast", "x").decode(PushAnswer.self)
        #expect(answer.counts == [6, 6, 0, 0, 0, 0, 1])
    }

    @Test("A second SIGTERM ends a node at once")
    func impatient() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[2]
            // It answers no close frame, so an orderly end takes its time.
            var options = clients.options("stubborn", on: node)
            options.isAlive = false
            options.isReading = false
            _ = try await clients.connect(options)
            let witness = try await clients.raw("witness", on: node)
            try await eventually("both are online") {
                let clients = try await node.api.get("/v1/clients?state=online&node=n3", as: ClientPage.self)
                return clients.ids.contains("stubborn") && clients.ids.contains("witness")
            }
            node.process?.signal(15)
            #expect(try await witness.closing().code == 4200, "it is stopping")
            #expect(node.process?.hasEnded == false, "the client holds it up")
            let clock = ContinuousClock()
            let start = clock.now
            _ = try await node.terminate(within: .seconds(3))
            #expect(clock.now - start < .seconds(1))
        }
    }
}

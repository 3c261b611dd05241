import SwitchboardProtocol
import Testing

/// One client id, connected twice: the newest session wins, wherever it is.
@Suite("The same client twice", .cluster(), .logsOnFailure, .timeLimit(.minutes(1)))
struct DuplicateTests {
    @Test("On two nodes the older is closed, and told where the newer is", arguments: ["framed", "raw"])
    func twoNodes(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            let id = "twice-\(mode)"
            let (first, second) = (cluster.nodes[0], cluster.nodes[1])
            let older = mode == "raw" ? try await clients.raw(id, on: first) : try await clients.framed(id, on: first)
            let newer = mode == "raw" ? try await clients.raw(id, on: second) : try await clients.framed(id, on: second)
            let closing = try await older.closing()
            #expect(closing.code == 4003)
            #expect(closing.reason.contains(second.id))
            #expect(closing.reason.contains(newer.address))
            try await older.ended()
            try await showsOnly(id, on: second, in: cluster)
            let push = try await cluster.nodes[2].api.post("/v1/clients/\(id)/push", "x").decode(PushAnswer.self)
            #expect(push.counts == PushAnswer.reachedOne)
            _ = try await newer.text()
        }
    }

    @Test("On one node as well")
    func oneNode() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[2]
            let older = try await clients.framed("same-node", on: node)
            let newer = try await clients.framed("same-node", on: node)
            let closing = try await older.closing()
            #expect(closing.code == 4003)
            #expect(closing.reason.contains(node.id))
            #expect(closing.reason.contains(newer.address))
            try await showsOnly("same-node", on: node, in: cluster)
            let push = try await cluster.api.pushed(#"{"to":{"client":"same-node"},"text":"x"}"#)
            #expect(push.counts == PushAnswer.reachedOne)
            _ = try await newer.push()
        }
    }

    @Test("Behind nginx the reason names the address that nginx saw")
    func behindProxy() async throws {
        try await Clients.with { clients, cluster in
            let older = try await clients.framed("proxied")
            _ = try await clients.framed("proxied")
            let closing = try await older.closing()
            #expect(closing.code == 4003)
            #expect(closing.reason.contains("127.0.0.1"))
        }
    }

    @Test("Two machines that fight over one id are cooled down")
    func fight() async throws {
        try await Clients.with { clients, cluster in
            var last: SocketClient?
            for number in 0..<15 {
                last = try await clients.framed("fighter", on: cluster.nodes[number % 3])
            }
            var options = clients.options("fighter", on: cluster.nodes[0])
            options.subprotocols = ["switchboard.v1"]
            let refused = try await clients.connect(options)
            let closing = try await refused.closing()
            #expect(closing.code == 4100)
            let wait = try #require(
                CloseCode.delay(inReason: closing.reason), "the reason names the wait: \(closing.reason)")
            #expect((1...300).contains(wait))
            // Who was there stays.
            let push = try await cluster.api.pushed(#"{"to":{"client":"fighter"},"text":"x"}"#)
            #expect(push.counts == PushAnswer.reachedOne)
            _ = try await last?.push()
            try await showsOnly("fighter", on: cluster.nodes[14 % 3], in: cluster)
        }
    }

    private func showsOnly(_ id: String, on node: NodeServer, in cluster: Cluster) async throws {
        for api in cluster.nodes.map(\.api) {
            let page = try await api.get("/v1/clients?state=online", as: ClientPage.self)
            #expect(page.clients.filter { $0.clientId == id }.map(\.node) == [node.id])
        }
    }
}

/// The other policy: who is there stays.
@Suite(
    "The same client twice, refused", .cluster(nodes: 2, options: ["--duplicates", "reject"]), .logsOnFailure,
    .timeLimit(.minutes(1)))
struct RejectedDuplicateTests {
    @Test("The newer is refused before the upgrade, on either node, until the older has left")
    func refused() async throws {
        try await Clients.with { clients, cluster in
            let older = try await clients.framed("first-come", on: cluster.nodes[0])
            for node in cluster.nodes {
                let options = clients.options("first-come", on: node)
                let refused = try await #require(throws: SocketClient.Refused.self) {
                    try await clients.connect(options)
                }
                #expect(refused.answer.status == 409)
                #expect(refused.answer.problem == "duplicate_client")
            }
            let push = try await cluster.api.pushed(#"{"to":{"client":"first-come"},"text":"still here"}"#)
            #expect(push.counts == PushAnswer.reachedOne)
            _ = try await older.push()
            try await older.leave()
            try await eventually("it is offline") { try await cluster.api.client("first-come").state == "offline" }
            _ = try await clients.framed("first-come", on: cluster.nodes[1])
        }
    }
}

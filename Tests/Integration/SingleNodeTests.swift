import NIOHTTP1
import Testing

/// A node without Redis is a complete service.
@Suite(
    "A single node", .cluster(nodes: 1, redis: false, proxy: false), .logsOnFailure, .serialized,
    .timeLimit(.minutes(1)))
struct SingleNodeTests {
    @Test("Everything works without Redis")
    func complete() async throws {
        try await Clients.with { clients, cluster in
            let api = cluster.api
            #expect(try await api.isReady())
            #expect(try await api.get("/healthz").status == 200)
            #expect(try await api.get("/openapi.yaml").text.hasPrefix("openapi: 3.1"))
            let framed = try await clients.framed("one", query: "group=g&label.a=1")
            let raw = try await clients.raw("two", query: "group=g")
            #expect(try await api.pushed(#"{"to":{"client":"one"},"data":3.20}"#).counts == PushAnswer.reachedOne)
            #expect(try await framed.push().text.contains(#""data":3.20"#))
            #expect(try await api.pushed(#"{"to":{"client":"nobody"},"text":"x"}"#).counts == PushAnswer.missedOne)
            #expect(try await api.pushed(#"{"to":{"all":true},"text":"all"}"#).counts == [2, 2, 0, 0, 0, 0, 1])
            _ = try await framed.push()
            #expect(try await raw.text() == "all")
            #expect(try await api.pushed(#"{"to":{"group":"g"},"text":"g"}"#).delivered == 2)
            _ = try await framed.push()
            _ = try await raw.text()
            #expect(try await api.pushed(#"{"to":{"labels":{"a":"1"}},"text":"l"}"#).delivered == 1)
            _ = try await framed.push()
            #expect(
                try await api.pushed(#"{"to":{"clients":["one","x"]},"text":"c"}"#).counts == [1, 1, 0, 0, 1, 0, 1])
            _ = try await framed.push()

            #expect(try await api.get("/v1/clients?state=online", as: ClientPage.self).ids == ["one", "two"])
            #expect(try await api.get("/v1/groups/g", as: GroupMembers.self).clients == ["one", "two"])
            try await eventually("the node tells of its sessions") {
                try await api.get("/v1/nodes", as: NodePage.self).nodes.map(\.sessions) == [2]
            }
            #expect(try await api.stats().total.sessions == 2)
            #expect(try await api.send(.PUT, "/v1/clients/two/groups/late").status == 204)
            #expect(try await api.post("/v1/groups/late/push", "late").decode(PushAnswer.self).delivered == 1)
            #expect(try await raw.text() == "late")
            try await framed.send(#"{"type":"message","id":"m","data":1}"#)
            #expect(try await framed.frame("ack", of: AckFrame.self).ref == "m")
            #expect(try await api.send(.DELETE, "/v1/clients/two?reason=bye").status == 204)
            #expect(try await raw.closing() == SocketClient.Closing(code: 4004, reason: "bye"))
            let older = framed
            let newer = try await clients.framed("one")
            #expect(try await older.closing().code == 4003)
            #expect(try await api.pushed(#"{"to":{"client":"one"},"text":"x"}"#).counts == PushAnswer.reachedOne)
            _ = try await newer.push()
        }
    }

    @Test("It stops in good order")
    func stop() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("last")
            let ending = Task { try await cluster.nodes[0].terminate() }
            try await client.frame("goaway", of: GoAwayFrame.self, within: .seconds(15))
            #expect(try await client.closing().code == 4200)
            #expect(try await ending.value == 0)
        }
    }
}

import NIOCore
import NIOHTTP1
import Testing

/// Who is online, as every node tells it, and what backends may do with a client.
@Suite("Presence", .cluster(), .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct PresenceTests {
    @Test("A client's presence is the same by way of every node")
    func show() async throws {
        try await Clients.with { clients, cluster in
            let owner = cluster.nodes[1]
            var options = clients.options("shown", on: owner, query: "group=g2&group=g1&label.shop=7")
            options.headers.add(name: "User-Agent", value: "till/1.0")
            options.subprotocols = ["switchboard.v1"]
            let client = try await clients.connect(options)
            let hello = try await client.frame("hello", of: Hello.self)
            #expect(hello.node == owner.id)
            #expect(hello.clientId == "shown")
            #expect(hello.heartbeat.interval == 25)
            #expect(hello.heartbeat.timeout == 10)
            for node in cluster.nodes {
                let info = try await node.api.client("shown")
                #expect(info.state == "online")
                #expect(info.node == owner.id)
                #expect(info.session == hello.session)
                #expect(info.epoch == hello.epoch)
                #expect(info.address == client.address)
                #expect(info.userAgent == "till/1.0")
                #expect(info.groups.sorted() == ["g1", "g2"])
                #expect(info.labels == ["shop": "7"])
                #expect(info.connectedAt != nil)
            }
            try await client.leave()
            try await eventually("it is offline") { try await cluster.api.client("shown").state == "offline" }
            #expect(try await cluster.api.client("shown").closeCode == 1000)
        }
    }

    @Test("Clients are listed by state, group, label and node, and page by page")
    func list() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            for number in 10..<22 {
                let node = cluster.nodes[number % 3]
                let query = "group=list-\(number % 2)&label.row=\(number % 4)"
                _ = try await clients.framed("list-\(number)", on: node, query: query)
            }
            let gone = try await clients.framed("list-gone", query: "group=list-0")
            try await gone.leave()
            try await eventually("it is offline") { try await cluster.api.client("list-gone").state == "offline" }

            let all = (10..<22).map { "list-\($0)" }
            for api in cluster.nodes.map(\.api) {
                #expect(try await api.get("/v1/clients?state=online", as: ClientPage.self).ids == all)
                let even = try await api.get("/v1/clients?state=online&group=list-0", as: ClientPage.self)
                #expect(even.ids == stride(from: 10, to: 22, by: 2).map { "list-\($0)" })
                let row = try await api.get("/v1/clients?label.row=3&group=list-1", as: ClientPage.self)
                #expect(row.ids == ["list-11", "list-15", "list-19"])
                let node = try await api.get(
                    "/v1/clients?node=\(cluster.nodes[0].id)&state=online", as: ClientPage.self)
                #expect(node.ids == ["list-12", "list-15", "list-18", "list-21"])
                #expect(
                    try await api.get("/v1/clients?state=offline&group=list-0", as: ClientPage.self).ids == [
                        "list-gone"
                    ])
            }

            var paged: [String] = []
            var cursor: String?
            repeat {
                let more = cursor.map { "&cursor=\($0)" } ?? ""
                let page = try await cluster.api.get("/v1/clients?state=online&limit=5\(more)", as: ClientPage.self)
                #expect(page.clients.count <= 5)
                paged += page.ids
                cursor = page.next
            } while cursor != nil
            #expect(paged == all)
        }
    }

    @Test("Membership of a group changes at once, from any node")
    func membership() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("member", on: cluster.nodes[0])
            let (api, another) = (cluster.nodes[1].api, cluster.nodes[2].api)
            #expect(try await api.send(.PUT, "/v1/clients/member/groups/night").status == 204)
            // At once: no waiting before the push.
            let push = try await another.pushed(#"{"to":{"group":"night"},"text":"x"}"#)
            #expect(push.delivered == 1)
            #expect(try await client.push().frame.channel == "group:night")
            let members = try await api.get("/v1/groups/night", as: GroupMembers.self)
            #expect(members.clients == ["member"])
            #expect(members.members == 1)
            #expect(members.complete)
            let groups = try await another.get("/v1/groups", as: GroupPage.self)
            #expect(groups.groups.contains(.init(name: "night", members: 1)))
            try await eventually("presence shows the group") {
                try await api.client("member").groups == ["night"]
            }

            #expect(try await another.send(.DELETE, "/v1/clients/member/groups/night").status == 204)
            #expect(try await api.pushed(#"{"to":{"group":"night"},"text":"x"}"#).matched == 0)
            #expect(try await api.get("/v1/groups/night", as: GroupMembers.self).clients == [])
            try await eventually("presence shows it no more") { try await api.client("member").groups == [] }
            #expect(try await api.send(.PUT, "/v1/clients/nobody/groups/night").problem == "client_offline")
        }
    }

    @Test("A client is closed from another node, with the reason that was given")
    func close() async throws {
        try await Clients.with { clients, cluster in
            let framed = try await clients.framed("closed-framed", on: cluster.nodes[0])
            let raw = try await clients.raw("closed-raw", on: cluster.nodes[1])
            let api = cluster.nodes[2].api
            #expect(try await api.send(.DELETE, "/v1/clients/closed-framed?reason=out%20of%20order").status == 204)
            #expect(try await framed.closing() == SocketClient.Closing(code: 4004, reason: "out of order"))
            try await framed.ended()
            #expect(try await api.send(.DELETE, "/v1/clients/closed-raw").status == 204)
            #expect(try await raw.closing().code == 4004)
            try await eventually("presence tells why") {
                let info = try await api.client("closed-framed")
                return info.state == "offline" && info.closeCode == 4004 && info.closeReason == "out of order"
            }
            #expect(try await api.send(.DELETE, "/v1/clients/closed-framed").problem == "client_offline")
        }
    }

    @Test("Nodes and statistics tell of the whole cluster")
    func nodes() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            let before = try await cluster.api.stats()
            for node in cluster.nodes { _ = try await clients.framed("counted-\(node.id)", on: node) }
            let up = try await clients.framed("counted-up", on: cluster.nodes[0])
            try await up.send(#"{"type":"message","id":"m1","data":1}"#)
            #expect(try await up.frame("ack", of: AckFrame.self).ref == "m1")
            _ = try await cluster.api.post("/v1/broadcast", "x")

            let stats = try await cluster.nodes[2].api.stats()
            #expect(stats.complete)
            #expect(stats.nodes.compactMap(\.node) == ["n1", "n2", "n3"])
            #expect(stats.nodes.map(\.sessions) == [2, 1, 1])
            #expect(stats.total.sessions == 4)
            #expect(stats.total.accepted - before.total.accepted == 4)
            #expect(stats.total.deliveries - before.total.deliveries == 4)
            #expect(stats.total.pushes - before.total.pushes == 1)
            #expect(stats.total.messagesUp - before.total.messagesUp == 1)
            #expect(stats.total.busUnparsable == 0)

            try await eventually("the list of nodes shows the sessions", within: .seconds(6)) {
                let nodes = try await cluster.api.get("/v1/nodes", as: NodePage.self).nodes.sorted { $0.id < $1.id }
                return nodes.map(\.sessions) == [2, 1, 1]
                    && nodes.map(\.address) == cluster.nodes.map { "127.0.0.1:\($0.port)" }
                    && nodes.allSatisfy { !$0.draining }
            }
        }
    }
}

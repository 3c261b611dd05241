import Testing

/// What nginx in front of the nodes must not break.
@Suite("Behind nginx", .cluster(), .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct ProxyTests {
    @Test("After API calls over kept-alive connections an upgrade is always 101")
    func upgrades() async throws {
        let cluster = try Cluster.shared()
        for round in 0..<100 {
            #expect(try await cluster.api.get("/healthz").status == 200)
            #expect(try await cluster.api.post("/v1/clients/nobody/push", "x").status == 200)
            // Whatever else than 101 throws.
            let client = try await SocketClient.connect(
                SocketClient.Options(port: cluster.entrance, target: "/ws?clientId=round-\(round)"))
            await client.drop()
        }
    }

    @Test("Connections are spread over all nodes")
    func spread() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            for number in 0..<9 { _ = try await clients.framed("spread-\(number)") }
            #expect(try await cluster.api.stats().nodes.allSatisfy { $0.sessions >= 1 })
        }
    }

    @Test("A node that is gone is noticed by nobody who connects or pushes")
    func nodeGone() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.nodes[2].kill()
            for number in 0..<12 {
                _ = try await clients.framed("after-\(number)")
                #expect(try await cluster.api.post("/v1/clients/after-\(number)/push", "x").status == 200)
            }
        }
    }
}

/// Several requests on one connection to a node, without a proxy.
@Suite("Requests on one connection", .cluster(nodes: 2, proxy: false), .logsOnFailure, .timeLimit(.minutes(1)))
struct ConnectionReuseTests {
    @Test("Pipelined pushes are answered in their order, also where some are refused")
    func pipelined() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("pipelined", on: cluster.nodes[1])
            let connection = try await Connection.open(port: cluster.nodes[0].port)
            var text = ""
            for number in 0..<60 {
                switch number % 3 {
                case 0:
                    text += Connection.request("POST", "/v1/clients/pipelined/push", "\(number)", type: "text/plain")
                case 1: text += Connection.request("POST", "/v1/push", "not JSON \(number)")
                default: text += Connection.request("POST", "/v1/clients/nobody/push?offline=fail", "\(number)")
                }
            }
            try await connection.write(text)
            for number in 0..<60 {
                let answer = try await connection.answer()
                switch number % 3 {
                case 0: #expect(try answer.decode(PushAnswer.self).counts == PushAnswer.reachedOne)
                case 1: #expect(answer.problem == "malformed_json")
                default: #expect(answer.problem == "client_offline")
                }
            }
            for number in stride(from: 0, to: 60, by: 3) { #expect(try await client.text() == "\(number)") }
            await connection.close()
        }
    }

    @Test("A push, then anything else, then a push again")
    func mixed() async throws {
        let cluster = try Cluster.shared()
        let connection = try await Connection.open(port: cluster.nodes[0].port)
        let push = Connection.request("POST", "/v1/clients/nobody/push", "1")
        for _ in 0..<3 {
            try await connection.write(push)
            #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne)
            try await connection.write(Connection.request("GET", "/v1/nodes"))
            #expect(try await connection.answer().decode(NodePage.self).nodes.count == 2)
        }
        // And all at once.
        try await connection.write(push + push + Connection.request("GET", "/v1/nodes") + push)
        for _ in 0..<2 { #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne) }
        #expect(try await connection.answer().decode(NodePage.self).nodes.count == 2)
        #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne)
        await connection.close()
    }

    @Test("Pushes and something else, pipelined on a fresh connection")
    func mixedFresh() async throws {
        let cluster = try Cluster.shared()
        let connection = try await Connection.open(port: cluster.nodes[0].port)
        let push = Connection.request("POST", "/v1/clients/nobody/push", "1")
        try await connection.write(push + push + Connection.request("GET", "/v1/nodes") + push)
        for _ in 0..<2 { #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne) }
        #expect(try await connection.answer().decode(NodePage.self).nodes.count == 2)
        #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne)
        await connection.close()
    }

    @Test("A request that comes byte by byte")
    func slow() async throws {
        let cluster = try Cluster.shared()
        let connection = try await Connection.open(port: cluster.nodes[0].port)
        for byte in Connection.request("POST", "/v1/clients/nobody/push", "{}").unicodeScalars {
            try await connection.write(String(byte))
        }
        #expect(try await connection.answer().decode(PushAnswer.self).counts == PushAnswer.missedOne)
        await connection.close()
    }
}

import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// A node is emptied, by request or because it is stopped.
@Suite(
    "A node is drained", .cluster(options: ["--drain-delay", "1.5", "--drain-rate", "20", "--drain-limit", "15"]),
    .logsOnFailure, .serialized, .timeLimit(.minutes(2)))
struct DrainTests {
    @Test(
        "By request from another node: not ready, nobody new, everyone served until moved; taken back it serves again")
    func byRequest() async throws {
        try await Clients.with { clients, cluster in
            let (node, other) = (cluster.nodes[0], cluster.nodes[1])
            let client = try await clients.framed("leaves", on: node)
            let silent = try await clients.raw("raw-leaves", on: node)
            let answer = try await other.api.send(.POST, "/v1/nodes/n1/drain")
            #expect(answer.status == 202)
            let state = try answer.decode(DrainState.self)
            #expect(state.node == "n1" && state.state == "draining" && state.connections == 2)
            let ready = try await node.api.get("/readyz")
            #expect(ready.status == 503 && ready.problem == "not_ready")
            #expect(ready.headers.first(name: "Connection") == "close", "proxies look for another node")
            let refusal = await #expect(throws: SocketClient.Refused.self) {
                _ = try await clients.framed("late", on: node)
            }
            #expect(refusal?.answer.status == 503)
            #expect((1...5).contains(Int(refusal?.answer.headers.first(name: "Retry-After") ?? "") ?? 0))
            // Through nginx it comes in nevertheless, elsewhere.
            _ = try await clients.framed("late")
            #expect(try await cluster.api.client("late").node != "n1")

            // Before its moment has come it gets everything, also what is sent through the draining node.
            #expect(try await node.api.post("/v1/clients/leaves/push", "still").decode(PushAnswer.self).delivered == 1)
            #expect(try await client.push().text.contains("still"))
            let goaway = try await client.frame("goaway", of: GoAwayFrame.self)
            #expect(goaway.reconnectAfter >= 0)
            #expect(try await client.closing().code == 4200)
            #expect(try await silent.closing().code == 4200)
            try await eventually("it is empty") {
                try await other.api.get("/v1/nodes", as: NodePage.self)["n1"]?.state == "drained"
            }
            #expect(node.process?.hasEnded == false)
            #expect(try await node.api.get("/healthz").status == 200)
            let closes = try await other.api.get("/v1/nodes/n1/closes", as: ClosePage.self)
            #expect(Set(closes.closes.filter { $0.code == 4200 }.map(\.client)) == ["leaves", "raw-leaves"])
            #expect(closes.closes.allSatisfy { $0.duration > 0 && $0.duration < 60 })
            #expect(try await other.api.get("/v1/nodes/n1/closes?limit=1", as: ClosePage.self).closes.count == 1)

            let back = try await other.api.send(.DELETE, "/v1/nodes/n1/drain")
            #expect(back.status == 200)
            #expect(try back.decode(DrainState.self).state == "serving")
            #expect(try await node.api.isReady())
            _ = try await clients.framed("leaves", on: node)
            #expect(try await other.api.get("/v1/nodes", as: NodePage.self)["n1"]?.state == "serving")
            #expect(try await other.api.send(.POST, "/v1/nodes/nobody/drain").problem == "node_not_found")
        }
    }

    @Test("A command that runs and a durable push that was not acked survive the move")
    func work() async throws {
        try await Clients.with { clients, cluster in
            let (node, other) = (cluster.nodes[1], cluster.nodes[2])
            let client = try await clients.framed("busy", on: node)
            #expect(
                try await other.api.push(#"{"to":{"client":"busy"},"data":1,"durable":true,"id":"keep"}"#).status == 200
            )
            #expect(try await client.push().frame.id == "keep")
            let command = Task {
                try await other.api.send(
                    .POST, "/v1/clients/busy/commands", ByteBuffer(string: #"{"name":"add","id":"slow","timeout":10}"#),
                    type: "application/json")
            }
            #expect(try await client.text().contains(#""command""#))
            _ = try await other.api.send(.POST, "/v1/nodes/n2/drain")
            // A second command, while the node drains.
            let second = Task {
                try await other.api.send(
                    .POST, "/v1/clients/busy/commands", ByteBuffer(string: #"{"name":"add","id":"fast","timeout":10}"#),
                    type: "application/json")
            }
            #expect(try await client.text().contains(#""fast""#))
            try await client.send(#"{"type":"result","id":"fast","status":200,"data":2}"#)
            #expect(try await second.value.status == 200)
            while try await !client.text().contains("goaway") {}
            #expect(try await client.closing().code == 4200)
            let moved = try await clients.framed("busy", on: other)
            #expect(try await moved.push().frame.id == "keep", "it comes again")
            try await moved.send(#"{"type":"result","id":"slow","status":200,"data":1}"#)
            let result = try await command.value
            #expect(result.status == 200 && result.text.contains(#""status":200"#))
            _ = try await other.api.send(.DELETE, "/v1/nodes/n2/drain")
        }
    }

    @Test(
        "Stopped: first the load balancer's time, then a steady pace, then exit 0; requests are answered until the end")
    func pace() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            var all: [SocketClient] = []
            for number in 0..<60 { all.append(try await clients.connect(clients.options("paced-\(number)", on: node))) }
            try await eventually("all take part") { try await node.api.stats()["n1"]?.sessions == 60 }
            let clock = ContinuousClock()
            let start = clock.now
            let ending = Task { try await node.terminate() }
            let moments = try await withThrowingTaskGroup(of: Duration.self) { group in
                for client in all {
                    group.addTask {
                        let closing = try await client.closing(within: .seconds(15))
                        #expect(closing.code == 4200)
                        return clock.now - start
                    }
                }
                var answered = 0
                while try await cluster.api.stats()["n1"]?.sessions ?? 0 > 5 {
                    let push = try await node.api.post("/v1/clients/paced-59/push", "x")
                    #expect(push.status == 200)
                    answered += 1
                    try await clock.sleep(for: .milliseconds(50))
                }
                #expect(answered > 10)
                return try await group.reduce(into: []) { $0.append($1) }.sorted()
            }
            #expect(moments[0] >= .seconds(1.5), "no client is sent away before the load balancer can have noticed")
            // 60 at 20 a second.
            #expect(moments[59] - moments[0] > .seconds(2))
            #expect(moments[59] < .seconds(12))
            #expect(try await ending.value == 0)
            #expect(clock.now - start < .seconds(15))
            #expect(try await cluster.api.get("/v1/clients?state=online&limit=1", as: ClientPage.self).clients.isEmpty)
            try await node.start()
            try await node.ready()
        }
    }

    @Test("Drained by request before, it ends without another delay")
    func drainedBefore() async throws {
        let cluster = try Cluster.shared()
        let node = cluster.nodes[2]
        _ = try await node.api.send(.POST, "/v1/nodes/n3/drain")
        try await eventually("it is drained") {
            // Asked once more, it says where it stands.
            try await node.api.send(.POST, "/v1/nodes/n3/drain").decode(DrainState.self).state == "drained"
        }
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try await node.terminate() == 0)
        #expect(clock.now - start < .seconds(1.5))
    }
}

/// More clients than the rate could send away in time.
@Suite(
    "A node is drained in a hurry",
    .cluster(nodes: 1, redis: false, proxy: false, options: ["--drain-rate", "1", "--drain-limit", "4"]),
    .logsOnFailure, .timeLimit(.minutes(1)))
struct HurriedDrainTests {
    @Test("The limit holds, whatever the rate, and the exit status is 0")
    func limit() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            var all: [SocketClient] = []
            for number in 0..<50 { all.append(try await clients.framed("hurried-\(number)", on: node)) }
            // These do not even answer their close frames.
            for number in 0..<5 {
                var options = clients.options("stubborn-\(number)", on: node)
                options.isAlive = false
                options.isReading = false
                _ = try await clients.connect(options)
            }
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await node.terminate() == 0)
            #expect(clock.now - start < .seconds(4.5))
            for client in all { #expect(try await client.closing().code == 4200) }
        }
    }
}

/// Who comes in.
@Suite(
    "Connections are limited",
    .cluster(
        nodes: 1, redis: false, proxy: false, options: ["--max-connections", "5", "--accept-rate", "4", "--loops", "1"]),
    .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct AcceptLimitTests {
    @Test("Beyond the rate, and beyond the number: 503 before the upgrade, each client with a wait of its own")
    func limits() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            var waits: Set<Int> = []
            var connected = 0
            for number in 0..<40 {
                do {
                    _ = try await clients.connect(clients.options("c\(number)", on: node))
                    connected += 1
                } catch let refused as SocketClient.Refused {
                    #expect(refused.answer.status == 503 && refused.answer.problem == "overloaded")
                    waits.insert(Int(refused.answer.headers.first(name: "Retry-After") ?? "") ?? 0)
                }
            }
            #expect((4...5).contains(connected))
            #expect(waits.count > 2 && waits.allSatisfy { (1...9).contains($0) })
            // The rate is none of the reasons any more.
            try await eventually("the number is the limit") {
                do {
                    _ = try await clients.connect(clients.options("more", on: node))
                    return false
                } catch let refused as SocketClient.Refused {
                    return refused.answer.text.contains("as many connections as it may")
                }
            }
            #expect(try await node.api.stats().total.refused >= 35)
            #expect(try await node.api.isReady(), "it serves those that it has")
        }
    }
}

/// A second node comes, and has nobody.
@Suite(
    "Sessions are spread anew", .cluster(nodes: 2, proxy: false, options: ["--rebalance", "100"]), .logsOnFailure,
    .timeLimit(.minutes(1)))
struct RebalanceIntegrationTests {
    @Test("Some clients of the fuller node are told and closed 4201, slowly, and the others are not")
    func shed() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            let tally = Tally()
            var all: [SocketClient] = []
            for number in 0..<40 { all.append(try await clients.framed("heavy-\(number)", on: node)) }
            for client in all {
                Task {
                    let goaway = try await client.frame("goaway", of: GoAwayFrame.self, within: .seconds(40))
                    let closing = try await client.closing(within: .seconds(10))
                    if closing.code == 4201, goaway.reconnectAfter <= 3.1 { tally.add() }
                }
            }
            // 40 a minute.
            try await tally.reach(3, within: .seconds(30), "clients are moved")
            #expect(try await node.api.stats()["n1"]?.sessions ?? 0 > 19, "never below the mean")
            #expect(try await node.api.isReady())
            _ = try await clients.framed("new", on: node)
        }
    }
}

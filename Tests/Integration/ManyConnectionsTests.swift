import NIOCore
import NIOPosix
import Testing

/// As many connections as one process may have here, with room for its own.
@Suite(
    "10 000 connections",
    .cluster(nodes: 1, proxy: false, isHeavy: true, options: ["--accept-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(4)))
struct ManyConnectionsTests {
    private static let count = 10_000

    @Test("One broadcast reaches all of them, and none is left when they have gone")
    func broadcast() async throws {
        let cluster = try Cluster.shared()
        let node = cluster.nodes[0]
        let memory = node.residentMemory
        let received = Tally()
        let clock = ContinuousClock()
        let start = clock.now
        let clients = try await connect(to: node, received)
        try await eventually("all take part", within: .seconds(30)) {
            try await node.api.stats().total.sessions == Self.count
        }
        let bytes = (node.residentMemory - memory) / Self.count
        print("10 000 connections after \(clock.now - start), \(bytes) bytes of memory each")
        #expect(bytes < 20_000)
        #expect(try await node.api.isReady())

        for round in 1...3 {
            let begin = clock.now
            let answer = try await node.api.post("/v1/broadcast", "to all of you").decode(PushAnswer.self)
            #expect(answer.counts == [Self.count, Self.count, 0, 0, 0, 0, 1])
            try await received.reach(Self.count * round, within: .seconds(30), "everybody gets the broadcast")
            print("a broadcast to 10 000 took \(clock.now - begin)")
        }
        let one = try await node.api.post("/v1/clients/many-77/push", "x").decode(PushAnswer.self)
        #expect(one.counts == PushAnswer.reachedOne)
        try await received.reach(Self.count * 3 + 1, within: .seconds(5), "the targeted push")
        #expect(received.count == Self.count * 3 + 1)
        #expect(try await node.api.isReady())
        let page = try await node.api.get("/v1/clients?state=online&limit=1000&cursor=many-5", as: ClientPage.self)
        #expect(page.clients.count == 1000)

        let end = clock.now
        try await withThrowingTaskGroup { group in
            for client in clients { client.channel.close(promise: nil) }
            for client in clients { group.addTask { try await client.ended(within: .seconds(60)) } }
            try await group.waitForAll()
        }
        try await eventually("nobody is left", within: .seconds(30)) {
            let total = try await node.api.stats().total
            return total.sessions == 0 && total.accepted == total.closed
        }
        try await eventually("presence shows nobody", within: .seconds(30)) {
            try await node.api.get("/v1/clients?state=online", as: ClientPage.self).clients.isEmpty
        }
        print("10 000 connections were closed and forgotten after \(clock.now - end)")
        #expect(try await node.api.isReady())
    }

    /// From several addresses, as one address has too few ports for them.
    private func connect(to node: NodeServer, _ received: Tally) async throws -> [SocketClient] {
        try await withThrowingTaskGroup(of: [SocketClient].self) { group in
            let tasks = 50
            for task in 0..<tasks {
                group.addTask {
                    var clients: [SocketClient] = []
                    for number in stride(from: task, to: Self.count, by: tasks) {
                        var options = SocketClient.Options(port: node.port, target: "/ws?clientId=many-\(number)")
                        options.source = "127.0.0.\(2 + number % 8)"
                        options.onMessage = { _ in received.add() }
                        clients.append(try await SocketClient.connect(options))
                    }
                    return clients
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}

import NIOCore
import Testing

/// A client that does not read must cost nobody but itself.
@Suite(
    "An agent that never reads",
    .cluster(nodes: 2, isHeavy: true, options: ["--outbound-limit", "256KB", "--publish-rate", "0"]), .logsOnFailure,
    .serialized, .timeLimit(.minutes(2)))
struct SlowConsumerTests {
    @Test(
        "It is closed 4101 and counted; the others get everything; the node's memory stays",
        arguments: ["raw", "framed"])
    func slow(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            let node = cluster.nodes[0]
            var lazy = clients.options("lazy-\(mode)", on: node)
            lazy.receiveBuffer = 4096
            lazy.isReading = false
            if mode == "framed" { lazy.subprotocols = ["switchboard.v1"] }
            let slow = try await clients.connect(lazy)
            try await eventually("it is online") { try await cluster.api.client("lazy-\(mode)").state == "online" }
            let here = try await clients.raw("keen-here", on: node)
            let there = try await clients.raw("keen-there", on: cluster.nodes[1])
            let before = try await cluster.api.stats().total
            let memory = node.residentMemory

            // 256 KB may wait; before that the kernel takes what it likes, some megabytes at most.
            var sent = 0
            var dropped = 0
            while dropped == 0, sent < 400 {
                let text = String(repeating: "x", count: 100_000) + "#\(sent)"
                let answer = try await cluster.api.post("/v1/broadcast", text).decode(PushAnswer.self)
                #expect(answer.matched == answer.delivered + answer.dropped)
                #expect(answer.matched == 3)
                dropped += answer.dropped
                sent += 1
                for client in [here, there] {
                    let got = try await client.text()
                    #expect(got == text)
                }
            }
            #expect(dropped == 1, "after \(sent) pushes")
            try await eventually("it is shown as closed") {
                try await cluster.api.client("lazy-\(mode)").closeCode == 4101
            }
            #expect(try await cluster.api.stats().total.drops - before.drops == 1)

            let after = try await cluster.api.post("/v1/broadcast", "after").decode(PushAnswer.self)
            #expect(after.counts == [2, 2, 0, 0, 0, 0, 2])
            for client in [here, there] { #expect(try await client.text() == "after") }
            let growth = node.residentMemory - memory
            print(
                "a client that never reads (\(mode)): closed after \(sent) x 100 KB, memory +\(growth / 1024) KB"
            )
            #expect(growth < 32 << 20)

            // What was accepted comes whole and in order as soon as it reads, and then the close frame.
            try await slow.read()
            if mode == "raw" {
                for number in 0..<(sent - 1) { #expect(try await slow.text().hasSuffix("#\(number)")) }
                #expect(try await slow.closing().code == 4101)
            }
            try await slow.ended(within: .seconds(10))
        }
    }

    @Test("One that reads no more while it is closed is dropped all the same")
    func neverReadsAgain() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            var lazy = clients.options("lazy-for-ever", on: cluster.nodes[0])
            lazy.receiveBuffer = 4096
            lazy.isReading = false
            _ = try await clients.connect(lazy)
            try await eventually("it is online") { try await cluster.api.client("lazy-for-ever").state == "online" }
            let before = try await cluster.api.stats()
            let text = String(repeating: "x", count: 200_000)
            var dropped = false
            for _ in 0..<200 where !dropped {
                let answer = try await cluster.api.post("/v1/clients/lazy-for-ever/push", text).decode(PushAnswer.self)
                dropped = answer.dropped == 1
            }
            #expect(dropped)
            try await eventually("its socket is closed, though nobody read the close frame") {
                try await cluster.api.stats().total.closed == before.total.closed + 1
            }
        }
    }
}

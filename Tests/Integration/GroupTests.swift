import Foundation
import NIOCore
import Testing

/// Groups in which clients talk to each other, over real nodes and Redis.
@Suite(
    "Groups",
    .cluster(
        nodes: 2, proxy: false, isHeavy: true,
        options: ["--publish-groups", "chat:*, log:*", "--outbound-limit", "256KB", "--publish-rate", "0"]),
    .logsOnFailure, .serialized, .timeLimit(.minutes(2)))
struct GroupTests {
    private struct Members: Decodable, Sendable {
        struct Member: Decodable, Sendable {
            var clientId: String
            var labels: [String: String]
        }
        var clients: [Member]
        var complete: Bool
    }

    private struct Presence: Decodable, Sendable {
        var joined: [Members.Member]
        var left: [String]
    }

    private struct Missed: Decodable, Sendable {
        var channel: String
        var count: Int
    }

    @Test("Two clients of two nodes chat: each push names its sender, and is acknowledged; who may not is told")
    func chat() async throws {
        try await Clients.with { clients, cluster in
            let anna = try await clients.framed("anna", on: cluster.nodes[0], query: "group=chat:1")
            let ben = try await clients.framed("ben", on: cluster.nodes[1])
            try await anna.send(#"{"type":"publish","id":"a1","group":"chat:1","data":{"price":3.20},"durable":true}"#)
            #expect(try await self.next(anna).sorted() == ["ack a1", "push anna"])
            try await ben.send(#"{"type":"join","group":"chat:1","history":10}"#)
            let kept = try await ben.push()
            #expect(kept.frame.from == "anna")
            #expect(kept.text.contains(#""data":{"price":3.20}"#))
            try await ben.send(#"{"type":"publish","id":"b1","group":"chat:1","data":2}"#)
            #expect(try await self.next(ben).sorted() == ["ack b1", "push ben"])
            #expect(try await anna.push().frame.from == "ben")
            try await ben.send(#"{"type":"publish","id":"b2","group":"shop","data":2}"#)
            let refusal = try await ben.frame("error", of: ErrorFrame.self)
            #expect(refusal.code == "publish_forbidden" && refusal.ref == "b2")
            _ = try await cluster.nodes[0].api.push(#"{"to":{"group":"chat:1"},"data":{"from":"anna"}}"#)
            for client in [anna, ben] { #expect(try await client.push().frame.from == nil) }
        }
    }

    /// The next two frames, of an ack and of one's own push, which come in any order.
    private func next(_ client: SocketClient) async throws -> [String] {
        var words: [String] = []
        for _ in 0..<2 {
            let text = try await client.text()
            if text.contains(#""type":"ack""#) {
                words.append("ack " + (try JSONDecoder().decode(AckFrame.self, from: Data(text.utf8)).ref))
            } else {
                words.append("push " + (try JSONDecoder().decode(PushFrame.self, from: Data(text.utf8)).from ?? "?"))
            }
        }
        return words
    }

    @Test("Who watches a group is told who is there on every node, who comes, and who is killed")
    func presence() async throws {
        try await Clients.with { clients, cluster in
            let agent = try await cluster.run(
                "member", Programs.switchboard(),
                [
                    "agent", "--url", "ws://127.0.0.1:\(cluster.nodes[1].port)", "--id", "member", "--group", "chat:2",
                    "--label", "role=till", "--health-interval", "0",
                ])
            try await eventually("it is online") { try await cluster.api.client("member").state == "online" }
            let watcher = try await clients.framed("watcher", on: cluster.nodes[0])
            try await watcher.send(#"{"type":"join","group":"chat:2","watch":true}"#)
            let members = try await watcher.frame("members", of: Members.self)
            #expect(members.complete)
            #expect(members.clients.map(\.clientId) == ["member", "watcher"])
            #expect(members.clients.first?.labels == ["role": "till"])
            _ = try await clients.framed("other", on: cluster.nodes[1], query: "group=chat:2")
            #expect(try await watcher.frame("presence", of: Presence.self).joined.map(\.clientId) == ["other"])
            agent.signal(SIGKILL)
            let gone = try await watcher.frame("presence", of: Presence.self)
            #expect(gone.left == ["member"] && gone.joined.isEmpty)
        }
    }

    @Test("A client that reads nothing and asked to be skipped stays, and hears exactly how many pushes it missed")
    func slow() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            var lazy = clients.options("wall", on: node, query: "group=chat:3&hello=1")
            lazy.subprotocols = ["switchboard.v1"]
            lazy.receiveBuffer = 4096
            let slow = try await clients.connect(lazy)
            try await slow.send(#"{"type":"hello","slow":"skip"}"#)
            try await slow.frame("hello", of: Hello.self)
            let keen = try await clients.framed("keen", on: node, query: "group=chat:3")
            try await slow.channel.setOption(.autoRead, value: false).get()
            let memory = node.residentMemory
            var (sent, dropped) = (0, 0)
            // The kernel takes what it likes, some megabytes at most; then 256 KB may wait.
            while dropped < 50, sent < 500 {
                let body = #"{"to":{"group":"chat:3"},"data":["\#(String(repeating: "x", count: 100_000))",\#(sent)]}"#
                let answer = try await cluster.nodes[1].api.pushed(body)
                dropped += answer.dropped
                sent += 1
                _ = try await keen.push()
            }
            #expect(dropped == 50, "after \(sent) pushes")
            #expect(try await cluster.api.client("wall").state == "online")
            #expect(node.residentMemory - memory < 32 << 20)
            try await slow.read()
            var (got, missed) = (0, 0)
            while got + missed < sent {
                let text = try await slow.text(within: .seconds(10))
                if text.contains(#""type":"missed""#) {
                    let news = try JSONDecoder().decode(Missed.self, from: Data(text.utf8))
                    #expect(news.channel == "group:chat:3")
                    missed += news.count
                } else if text.contains(#""type":"push""#) {
                    got += 1
                }
            }
            #expect(missed == dropped)
            #expect(got == sent - dropped)
            _ = try await cluster.api.push(#"{"to":{"group":"chat:3"},"data":"after"}"#)
            #expect(try await slow.push().text.contains("after"))
            print("a client that is skipped: \(got) of \(sent) x 100 KB, \(missed) missed")
        }
    }

    @Test("5000 lines a second of a file flow into a group, in order and whole, while the nodes' memory stays")
    func stream() async throws {
        try await Clients.with { clients, cluster in
            let file = cluster.directory.appending(path: "till.log")
            try Data().write(to: file)
            let reader = try await clients.framed("reader", on: cluster.nodes[0], query: "group=log:till")
            let agent = try await cluster.run(
                "streamer", Programs.switchboard(),
                [
                    "agent", "--url", "ws://127.0.0.1:\(cluster.nodes[1].port)", "--id", "streamer", "--follow",
                    file.path, "--stream", "log:till", "--health-interval", "0",
                ])
            try await eventually("it is online") { try await cluster.api.client("streamer").state == "online" }
            let log = try FileHandle(forWritingTo: file)
            // What is appended before it has found the end of the file is not sent.
            try await eventually("it follows the file") {
                try log.seekToEnd()
                try log.write(contentsOf: Data("hello\n".utf8))
                return (try? await reader.push(within: .milliseconds(500)).frame.from) == "streamer"
            }
            let seconds = 8
            let writing = Task {
                let begin = ContinuousClock.now
                for tick in 0..<(seconds * 20) {
                    let lines = (0..<250).map { "line \(tick * 250 + $0) \(String(repeating: "y", count: 60))\n" }
                    try log.write(contentsOf: Data(lines.joined().utf8))
                    try await Task.sleep(until: begin + .milliseconds(50 * (tick + 1)))
                }
                try log.close()
            }
            var expected = 0
            var memory: [Int] = []
            var batches = 0
            while expected < seconds * 5000 {
                let lines = try Self.lines(try await reader.push(within: .seconds(10)).text)
                batches += 1
                for line in lines where line != "hello" {
                    guard line.hasPrefix("line \(expected) ") else {
                        Issue.record("line \(expected) expected, not \(line.prefix(40))")
                        return
                    }
                    expected += 1
                    if expected == 10_000 || expected == seconds * 5000 {
                        memory.append(cluster.nodes.reduce(agent.residentMemory) { $0 + $1.residentMemory })
                    }
                }
            }
            try await writing.value
            let growth = memory.count == 2 ? memory[1] - memory[0] : .max
            print("\(expected) lines in \(batches) pushes, memory +\(growth / 1024) KB over the last 30 000 lines")
            #expect(growth < 12 << 20)
        }
    }

    private struct Batch: Decodable {
        struct Line: Decodable {
            var at: Int
            var text: String
        }
        struct Body: Decodable {
            var lines: [Line]
            var source: String
            var skipped: Int?
        }
        var data: Body
    }

    private static func lines(_ text: String) throws -> [String] {
        let batch = try JSONDecoder().decode(Batch.self, from: Data(text.utf8)).data
        #expect(batch.source == "streamer" && batch.skipped == nil)
        return batch.lines.map(\.text)
    }

    @Test("Bad pairs of --follow and --stream end the agent with one line")
    func badArguments() async throws {
        try await Clients.with { _, cluster in
            for arguments in [
                ["--stream", "log:x"], ["--follow", "a", "--stream", "log:x", "--stream", "log:y"],
                ["--history", "301"], ["--follow", "a", "--durable"],
            ] {
                let agent = try await cluster.run("bad", Programs.switchboard(), ["agent"] + arguments)
                #expect(try await agent.ended(within: .seconds(10)) == 64)
            }
        }
    }
}

import NIOCore
import Testing

/// What other programs do on the bus.
@Suite("The bus", .cluster(), .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct BusTests {
    @Test(
        "A message that nobody understands is counted and harms nothing",
        arguments: [
            "garbage", "", "{", "[]", "null", #"{"to":{}}"#, #"{"to":{"client":"a"}}"#, #"{"type":"unheardOf"}"#,
            #"{"to":{"all":true},"base64":"%"}"#, "\u{0}\u{1}\n\n\n",
        ])
    func unparsable(_ message: String) async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("unharmed", on: cluster.nodes[0])
            let before = try await cluster.api.stats()
            #expect(try await cluster.redis().publish("sb:push", message) == 3)
            try await eventually("every node counts it") {
                try await cluster.api.stats().nodes.map(\.busUnparsable) == before.nodes.map { $0.busUnparsable + 1 }
            }
            let answer = try await cluster.nodes[1].api.post("/v1/clients/unharmed/push", "fine").decode(
                PushAnswer.self)
            #expect(answer.counts == PushAnswer.reachedOne)
            #expect(try await client.text() == "fine")
            #expect(try await cluster.nodes[0].api.isReady())
        }
    }

    @Test("So is one on the channel of a node")
    func unparsableForNode() async throws {
        let cluster = try Cluster.shared()
        let redis = try cluster.redis()
        let channels = try await redis.command("PUBSUB", "CHANNELS", "sb:node:*").split(separator: "\n").map(
            String.init)
        let channel = try #require(channels.first { $0.contains("n2") })
        let before = try await cluster.api.stats()
        #expect(try await redis.publish(channel, #"{"type":"receipt"}"#) == 1)
        try await eventually("that node counts it") {
            try await cluster.api.stats()["n2"]?.busUnparsable == (before["n2"]?.busUnparsable ?? 0) + 1
        }
        #expect(try await cluster.api.stats()["n1"]?.busUnparsable == before["n1"]?.busUnparsable)
        #expect(try await cluster.nodes[1].api.isReady())
    }

    @Test("Any program can push by PUBLISH, to any target, in either form")
    func publish() async throws {
        try await Clients.with { clients, cluster in
            let redis = try cluster.redis()
            let framed = try await clients.framed("p-framed", on: cluster.nodes[0], query: "group=p&label.p=1")
            let raw = try await clients.raw("p-raw", on: cluster.nodes[1], query: "group=p&label.p=1")

            let json = #"{"price":3.20,"big":1e400}"#
            try await redis.publish("sb:push", #"{"to":{"clients":["p-framed","p-raw"]},"id":"mine-1"}"# + "\n" + json)
            let (frame, text) = try await framed.push()
            #expect(frame.id == "mine-1")
            #expect(text.contains(#""data":\#(json)"#))
            #expect(try await raw.text() == json)

            try await redis.publish("sb:push", #"{"to":{"client":"p-raw"},"text":"one line, für dich"}"#)
            #expect(try await raw.text() == "one line, für dich")
            try await redis.publish("sb:push", #"{"to":{"group":"p"},"text":"group"}"#)
            #expect(try await raw.text() == "group")
            let group = try await framed.push()
            #expect(group.frame.channel == "group:p")
            #expect(!group.frame.id.isEmpty, "it is given an id")
            try await redis.publish("sb:push", #"{"to":{"labels":{"p":"1"}}}"# + "\nlabels, several\nlines")
            #expect(try await raw.text() == "labels, several\nlines")
            #expect(try await framed.push().text.contains(#""data":"labels, several\nlines""#))
            try await redis.publish("sb:push", #"{"to":{"all":true},"base64":"AAEC"}"#)
            #expect(try await raw.binary() == .init(bytes: [0, 1, 2]))
            #expect(try await framed.push().frame.base64 == "AAEC")
        }
    }

    @Test("A foreign listener to everything slows no answer down")
    func listener() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("heard", on: cluster.nodes[0])
            let listener = try await cluster.redis().listen(to: "sb:*")
            let clock = ContinuousClock()
            for round in 0..<5 {
                for (path, text) in [
                    ("/v1/clients/heard/push", "to one \(round)"), ("/v1/broadcast", "to all \(round)"),
                ] {
                    let start = clock.now
                    let answer = try await cluster.nodes[1].api.post(path, text)
                    #expect(clock.now - start < .milliseconds(300), "\(path)")
                    #expect(answer.status == 200)
                    #expect(try answer.decode(PushAnswer.self).counts == PushAnswer.reachedOne)
                    #expect(try await client.text() == text)
                }
            }
            let start = clock.now
            #expect(try await cluster.api.stats().complete)
            #expect(clock.now - start < .milliseconds(300))
            try await eventually("the listener heard it") { listener.output.contains("to all 4") }
            await listener.stop()
        }
    }
}

import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Pushes of every kind, to clients on every node, by way of every node.
@Suite(
    "Pushes", .cluster(options: ["--body-limit", "2MB", "--publish-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(2)))
struct PushTests {
    @Test("A targeted push reaches the owner by way of every node")
    func targeted() async throws {
        try await Clients.with { clients, cluster in
            for owner in cluster.nodes {
                let framed = try await clients.framed("framed-\(owner.id)", on: owner)
                let raw = try await clients.raw("raw-\(owner.id)", on: owner)
                for api in cluster.nodes.map(\.api) + [cluster.api] {
                    let first = try await api.pushed(
                        #"{"to":{"client":"framed-\#(owner.id)"},"text":"via \#(api.base)"}"#)
                    #expect(first.counts == PushAnswer.reachedOne)
                    let (frame, text) = try await framed.push()
                    #expect(frame.id == first.id)
                    #expect(frame.channel == "client")
                    #expect(text.contains(#""data":"via \#(api.base)""#))

                    let second = try await api.pushed(
                        #"{"to":{"client":"raw-\#(owner.id)"},"text":"via \#(api.base)"}"#)
                    #expect(second.counts == PushAnswer.reachedOne)
                    #expect(try await raw.text() == "via \(api.base)")
                }
            }
        }
    }

    @Test("A broadcast reaches everybody once, and its counts are true")
    func broadcast() async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            var framed: [SocketClient] = []
            var raw: [SocketClient] = []
            for node in cluster.nodes {
                for number in 1...2 {
                    framed.append(try await clients.framed("b-framed-\(node.id)-\(number)", on: node))
                    raw.append(try await clients.raw("b-raw-\(node.id)-\(number)", on: node))
                }
            }
            for number in 1...3 {
                let answer = try await cluster.api.post("/v1/broadcast", "hello \(number)").decode(PushAnswer.self)
                #expect(answer.counts == [12, 12, 0, 0, 0, 0, 3])
                var texts: Set<String> = []
                for client in framed {
                    let (frame, text) = try await client.push()
                    #expect(frame.id == answer.id)
                    #expect(frame.channel == "all")
                    texts.insert(text)
                }
                #expect(texts.count == 1, "the frame is the same for all receivers")
                for client in raw { #expect(try await client.text() == "hello \(number)") }
            }
        }
    }

    @Test("A group, labels and a list of clients mean those and nobody else")
    func targets() async throws {
        try await Clients.with { clients, cluster in
            let (one, two, three) = (cluster.nodes[0], cluster.nodes[1], cluster.nodes[2])
            let a = try await clients.framed(
                "t-a", on: one, query: "group=shop&group=vip&label.zone=north&label.kind=till")
            let b = try await clients.raw("t-b", on: two, query: "group=shop&label.zone=north&label.kind=kiosk")
            let c = try await clients.framed("t-c", on: three, query: "group=other&label.zone=south&label.kind=till")

            let group = try await three.api.pushed(#"{"to":{"group":"shop"},"text":"to the shop"}"#)
            #expect(group.counts == [2, 2, 0, 0, 0, 0, 2])
            #expect(try await a.push().frame.channel == "group:shop")
            #expect(try await b.text() == "to the shop")

            let shorthand = try await three.api.post("/v1/groups/vip/push", "vip").decode(PushAnswer.self)
            #expect(shorthand.counts == [1, 1, 0, 0, 0, 0, 1])
            #expect(try await a.push().frame.channel == "group:vip")

            let both = try await one.api.pushed(#"{"to":{"labels":{"zone":"north","kind":"till"}},"text":"x"}"#)
            #expect(both.counts == [1, 1, 0, 0, 0, 0, 1])
            #expect(try await a.push().frame.id == both.id)
            let north = try await two.api.pushed(#"{"to":{"labels":{"zone":"north"}},"text":"north"}"#)
            #expect(north.counts == [2, 2, 0, 0, 0, 0, 2])
            #expect(try await a.push().frame.id == north.id)
            #expect(try await b.text() == "north")

            let list = try await two.api.pushed(
                #"{"to":{"clients":["t-a","t-b","t-c","nobody","no-one"]},"text":"list"}"#)
            #expect(list.counts == [3, 3, 0, 0, 2, 0, 3])
            #expect(try await a.push().frame.id == list.id)
            #expect(try await b.text() == "list")
            // All that c has got: nothing above meant it.
            #expect(try await c.push().frame.id == list.id)

            let empty = try await one.api.pushed(#"{"to":{"group":"nobody-is-in-it"},"text":"x"}"#)
            #expect(empty.counts == [0, 0, 0, 0, 0, 0, 0])
        }
    }

    @Test("Bytes arrive as bytes: a binary frame for raw clients, base64 for framed ones")
    func binary() async throws {
        try await Clients.with { clients, cluster in
            let raw = try await clients.raw("bin-raw", on: cluster.nodes[0])
            let framed = try await clients.framed("bin-framed", on: cluster.nodes[1])
            let bytes = (0...255).map { UInt8($0) } + [0, 10, 13, 0]
            let base64 = Data(bytes).base64EncodedString()
            let body = #"{"to":{"clients":["bin-raw","bin-framed"]},"base64":"\#(base64)"}"#
            #expect(try await cluster.nodes[2].api.pushed(body).delivered == 2)
            #expect(try await raw.binary() == ByteBuffer(bytes: bytes))
            #expect(try await framed.push().frame.base64 == base64)

            let answer = try await cluster.nodes[2].api.send(
                .POST, "/v1/clients/bin-raw/push", ByteBuffer(bytes: bytes), type: "application/octet-stream")
            #expect(answer.status == 200)
            #expect(try await raw.binary() == ByteBuffer(bytes: bytes))
        }
    }

    @Test(
        "A payload arrives byte for byte",
        arguments: [
            #"{"price":3.20,"z":1,"a":2}"#, #"{"big":1e400,"exact":0.1000,"list":[1 , 2]}"#, #"[1.0,-0,1E2]"#, "3.20",
            #"{"text":"Grüße, 世界 🛰️ \u00e9 \/ \n"}"#, #""just a string""#, "null",
        ])
    func verbatim(_ json: String) async throws {
        try await Clients.with { clients, cluster in
            let raw = try await clients.raw("v-raw", on: cluster.nodes[0])
            let framed = try await clients.framed("v-framed", on: cluster.nodes[1])
            let api = cluster.nodes[2].api
            #expect(try await api.pushed(#"{"to":{"clients":["v-raw","v-framed"]},"data":\#(json)}"#).delivered == 2)
            #expect(try await raw.text() == json)
            #expect(try await framed.push().text.contains(#""data":\#(json)"#))
            for client in ["v-raw", "v-framed"] {
                #expect(try await api.post("/v1/clients/\(client)/push", json, type: "application/json").status == 200)
            }
            #expect(try await raw.text() == json)
            #expect(try await framed.push().text.contains(#""data":\#(json)"#))
        }
    }

    @Test("Text is UTF-8 from end to end")
    func text() async throws {
        try await Clients.with { clients, cluster in
            let text = "Zażółć gęślą jaźń – 日本語 – 🧑‍🚀\u{0}\u{7f}\t\"quoted\" \\ end"
            let raw = try await clients.raw("utf-raw", on: cluster.nodes[0])
            #expect(try await cluster.nodes[1].api.post("/v1/clients/utf-raw/push", text).status == 200)
            #expect(try await raw.text() == text)
        }
    }

    @Test("One megabyte arrives whole, through nginx and over the bus, where the limit allows it")
    func large() async throws {
        try await Clients.with { clients, cluster in
            let text = String((0..<131_072).map { String(format: "%07d;", $0) }.joined())
            #expect(text.utf8.count == 1 << 20)
            let raw = try await clients.raw("large-raw")
            let framed = try await clients.framed("large-framed")
            let answer = try await cluster.api.pushed(
                #"{"to":{"clients":["large-raw","large-framed"]},"text":"\#(text)"}"#)
            #expect(answer.delivered == 2)
            #expect(try await raw.text(within: .seconds(10)) == text)
            #expect(try await framed.push(within: .seconds(10)).text.contains(text))
            // And what comes behind it is not disturbed.
            #expect(try await cluster.api.post("/v1/clients/large-raw/push", "small").status == 200)
            #expect(try await raw.text() == "small")
        }
    }

    @Test("A client that is not there is counted, and is an error only on request")
    func unknownClient() async throws {
        let cluster = try Cluster.shared()
        for api in cluster.nodes.map(\.api) {
            #expect(try await api.pushed(#"{"to":{"client":"ghost"},"text":"x"}"#).counts == PushAnswer.missedOne)
            let failed = try await api.push(#"{"to":{"client":"ghost"},"text":"x","offline":"fail"}"#)
            #expect(failed.status == 404)
            #expect(failed.problem == "client_offline")
            #expect(try await api.post("/v1/clients/ghost/push?offline=fail", "x").problem == "client_offline")
        }
    }

    @Test("Pushes of one backend to one client keep their order")
    func order() async throws {
        try await Clients.with { clients, cluster in
            let raw = try await clients.raw("ordered", on: cluster.nodes[0])
            let connection = try await Connection.open(port: cluster.nodes[1].port)
            let count = 500
            let requests = (0..<count).map {
                Connection.request("POST", "/v1/clients/ordered/push", "\($0)", type: "text/plain")
            }
            try await connection.write(requests.joined())
            for _ in 0..<count { #expect(try await connection.answer().status == 200) }
            for number in 0..<count { #expect(try await raw.text() == "\(number)") }
            await connection.close()
        }
    }
}

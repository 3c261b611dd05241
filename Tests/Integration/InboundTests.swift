import NIOCore
import NIOWebSocket
import Testing

/// What clients send: accepted once, bounded, and checked.
@Suite("Messages of clients", .cluster(nodes: 2), .logsOnFailure, .timeLimit(.minutes(1)))
struct InboundTests {
    @Test("A message with an id is acknowledged, and accepted once however often it is sent")
    func acknowledged() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("sender", on: cluster.nodes[0])
            for _ in 0..<3 {
                try await client.send(#"{"type":"message","id":"once","data":{"exact":3.20}}"#)
                #expect(try await client.frame("ack", of: AckFrame.self).ref == "once")
            }
            // Also over a new connection, to another node.
            let again = try await clients.framed("sender", on: cluster.nodes[1])
            try await again.send(#"{"type":"message","id":"once","data":{"exact":3.20}}"#)
            #expect(try await again.frame("ack", of: AckFrame.self).ref == "once")
            #expect(try await entries(of: "sender", in: cluster) == 1)
            #expect(try await cluster.redis().command("XRANGE", "sb:upstream", "-", "+").contains(#"{"exact":3.20}"#))

            try await again.send(#"{"type":"message","id":"twice","data":2}"#)
            #expect(try await again.frame("ack", of: AckFrame.self).ref == "twice")
            #expect(try await entries(of: "sender", in: cluster) == 2)
            // Ids are the client's own.
            let other = try await clients.framed("other-sender", on: cluster.nodes[0])
            try await other.send(#"{"type":"message","id":"once","data":1}"#)
            #expect(try await other.frame("ack", of: AckFrame.self).ref == "once")
            #expect(try await entries(of: "other-sender", in: cluster) == 1)
        }
    }

    @Test("Every frame of a raw client is a message")
    func rawMessages() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("raw-sender", on: cluster.nodes[0])
            try await client.send("temperature 21 °C")
            try await client.send(.binary, ByteBuffer(bytes: [0, 1, 2]))
            // In two fragments, with a ping between them (RFC 6455 section 5.4).
            try await client.send(frame(fin: false, .text, "half "))
            try await client.send(.ping, ByteBuffer())
            try await client.send(frame(fin: true, .continuation, "and half"))
            try await eventually("all three are there") { try await entries(of: "raw-sender", in: cluster) == 3 }
            let stream = try await cluster.redis().command("--raw", "XRANGE", "sb:upstream", "-", "+")
            #expect(stream.contains("temperature 21 °C"))
            #expect(stream.contains("half and half"))
        }
    }

    @Test("A client joins and leaves groups by itself")
    func groups() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("joiner", on: cluster.nodes[0])
            try await client.send(#"{"type":"join","group":"choir"}"#)
            try await client.send(#"{"type":"message","id":"joined","data":1}"#)
            try await client.frame("ack", of: AckFrame.self)
            let api = cluster.nodes[1].api
            #expect(try await api.post("/v1/groups/choir/push", "sing").decode(PushAnswer.self).delivered == 1)
            #expect(try await client.push().frame.channel == "group:choir")
            try await client.send(#"{"type":"leave","group":"choir"}"#)
            try await client.send(#"{"type":"message","id":"left","data":1}"#)
            try await client.frame("ack", of: AckFrame.self)
            #expect(try await api.post("/v1/groups/choir/push", "sing").decode(PushAnswer.self).matched == 0)
        }
    }

    @Test("Health is kept in presence; too much of it is refused")
    func health() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("healthy", on: cluster.nodes[0])
            try await client.send(#"{"type":"health","data":{"load":0.5}}"#)
            try await eventually("presence shows it") { try await cluster.api.client("healthy").health?.load == 0.5 }
            let much = String(repeating: "x", count: 4096)
            try await client.send(#"{"type":"health","data":{"load":1,"more":"\#(much)"}}"#)
            #expect(try await client.frame("error", of: ErrorFrame.self).code == "invalid_frame")
            try await client.send(#"{"type":"health","data":"fine"}"#)
            #expect(try await client.frame("error", of: ErrorFrame.self).code == "invalid_frame")
            #expect(try await cluster.api.client("healthy").health?.load == 0.5)
        }
    }

    @Test("A type that is not known is answered with an error, as is a token that nobody here can check")
    func unknownType() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("curious", on: cluster.nodes[0])
            try await client.send(#"{"type":"unheardOf","x":1}"#)
            #expect(try await client.frame("error", of: ErrorFrame.self).code == "unknown_type")
            try await client.send(#"{"type":"token","token":"t"}"#)
            #expect(try await client.frame("error", of: ErrorFrame.self).code == "unknown_signer")
            try await client.send(#"{"type":"ack","offset":"not ours"}"#)
            #expect(try await client.frame("error", of: ErrorFrame.self).code == "invalid_frame")
            // Nobody waits for it, and nobody is to send it for ever.
            try await client.send(#"{"type":"result","id":"c1","status":200,"data":1}"#)
            #expect(try await client.frame("ack", of: AckFrame.self).ref == "c1")
            // The session lives on.
            #expect(try await cluster.api.post("/v1/clients/curious/push", "x").decode(PushAnswer.self).delivered == 1)
            _ = try await client.push()
        }
    }

    @Test(
        "What is no framed message closes 4006",
        arguments: ["not JSON", "[1]", "1", "null", "", #"{"type":"message","data":}"#, #"{"type":"pong"} x"#])
    func malformed(_ text: String) async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.framed("malformed-\(text.utf8.count)", on: cluster.nodes[0])
            try await client.send(text)
            #expect(try await client.closing().code == 4006)
            try await client.ended()
        }
    }

    @Test("Over 64 KB closes 1009, in one frame or in many", arguments: [false, true])
    func tooBig(_ isFragmented: Bool) async throws {
        try await Clients.with { clients, cluster in
            let id = "too-big-\(isFragmented)"
            let client = try await clients.raw(id, on: cluster.nodes[0])
            let limit = 64 * 1024
            try await client.send(String(repeating: "x", count: limit))
            try await eventually("64 KB are accepted") { try await entries(of: id, in: cluster) == 1 }
            if isFragmented {
                try await client.send(frame(fin: false, .text, String(repeating: "x", count: limit / 2)))
                try await client.send(frame(fin: false, .continuation, String(repeating: "x", count: limit / 2)))
                try await client.send(frame(fin: true, .continuation, "x"))
            } else {
                try await client.send(String(repeating: "x", count: limit + 1))
            }
            #expect(try await client.closing().code == 1009)
            try await client.ended()
            #expect(try await cluster.api.client(id).closeCode == 1009)
        }
    }

    @Test("Over the message rate closes 4102; up to the burst nothing happens", arguments: ["raw", "framed"])
    func rate(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            let id = "chatty-\(mode)"
            let node = cluster.nodes[0]
            let client = mode == "raw" ? try await clients.raw(id, on: node) : try await clients.framed(id, on: node)
            let text = mode == "raw" ? "x" : #"{"type":"message","data":1}"#
            for _ in 0..<100 { try await client.send(text) }
            try await eventually("the burst is accepted") { try await entries(of: id, in: cluster) == 100 }
            for _ in 0..<250 { client.channel.writeAndFlush(masked(text), promise: nil) }
            #expect(try await client.closing().code == 4102)
            try await client.ended()
            try await eventually("presence tells why") { try await cluster.api.client(id).closeCode == 4102 }
        }
    }

    @Test(
        "What breaks RFC 6455 closes 1002",
        arguments: [
            ("unmasked", [0x81, 0x01, 0x78]), ("reserved bit 1", [0xC1, 0x81, 0, 0, 0, 0, 0x78]),
            ("reserved bit 3", [0x91, 0x81, 0, 0, 0, 0, 0x78]), ("unknown opcode", [0x83, 0x81, 0, 0, 0, 0, 0x78]),
            ("fragmented ping", [0x09, 0x80, 0, 0, 0, 0]), ("continuation of nothing", [0x80, 0x81, 0, 0, 0, 0, 0x78]),
            ("text within text", [0x01, 0x81, 0, 0, 0, 0, 0x78, 0x81, 0x81, 0, 0, 0, 0, 0x78]),
            ("long ping", [0x89, 0xFE, 0, 126, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 126)),
            ("close with one byte", [0x88, 0x81, 0, 0, 0, 0, 0x03]),
            ("close with code 1005", [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xED]),
        ] as [(String, [UInt8])])
    func protocolErrors(_ what: String, _ bytes: [UInt8]) async throws {
        try await Clients.with { clients, cluster in
            let id = "breaks-" + what.replacing(" ", with: "-")
            let client = try await clients.raw(id, on: cluster.nodes[0])
            try await client.sendRaw(bytes)
            #expect(try await client.closing().code == 1002)
            try await client.ended()
            try await eventually("presence tells why") { try await cluster.api.client(id).closeCode == 1002 }
        }
    }

    @Test("Text that is not UTF-8 closes 1007", arguments: ["raw", "framed"])
    func invalidText(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            let id = "latin-1-\(mode)"
            let client = mode == "raw" ? try await clients.raw(id, on: node) : try await clients.framed(id, on: node)
            try await client.send(.text, ByteBuffer(bytes: [0x67, 0x72, 0xFC, 0xDF, 0x65]))
            #expect(try await client.closing().code == 1007)
            try await client.ended()
        }
    }

    private func frame(fin: Bool, _ opcode: WebSocketOpcode, _ text: String) -> WebSocketFrame {
        WebSocketFrame(fin: fin, opcode: opcode, maskKey: .random(), data: ByteBuffer(string: text))
    }

    private func masked(_ text: String) -> WebSocketFrame { frame(fin: true, .text, text) }

    /// How many messages of this client the backends will see.
    private func entries(of client: String, in cluster: Cluster) async throws -> Int {
        let stream = try await cluster.redis().command("--raw", "XRANGE", "sb:upstream", "-", "+")
        return stream.split(separator: "\n").count { $0 == client }
    }
}

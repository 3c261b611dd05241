import NIOCore
import NIOWebSocket
import Testing

/// Connections that do not become what they should, or end as they should not.
@Suite(
    "Connections", .cluster(nodes: 1, redis: false, proxy: false), .logsOnFailure, .timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test("A connection that says nothing is closed after 10 s", arguments: ["", "GET /ws HTTP/1.1\r\nHost: x\r\n"])
    func mute(_ words: String) async throws {
        let connection = try await Connection.open(port: Cluster.shared().entrance)
        let clock = ContinuousClock()
        let start = clock.now
        if !words.isEmpty { try await connection.write(words) }
        try await connection.ended(within: .seconds(14))
        #expect(clock.now - start > .seconds(8))
    }

    @Test("A client whose connection ends without a close frame is gone at once")
    func finished() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("finished")
            try await client.channel.close(mode: .output)
            try await client.ended(within: .seconds(5))
            try await eventually("it is not online", within: .seconds(3)) {
                try await cluster.api.client("finished").state == "suspect"
            }
            #expect(try await cluster.api.client("finished").closeCode == 1006)
            #expect(
                try await cluster.api.pushed(#"{"to":{"client":"finished"},"text":"x"}"#).counts == PushAnswer.missedOne
            )
        }
    }

    @Test("A close frame is answered with its own code")
    func close() async throws {
        try await Clients.with { clients, cluster in
            let client = try await clients.raw("leaving")
            var data = ByteBuffer()
            data.writeInteger(UInt16(1001))
            data.writeString("going home")
            try await client.send(.connectionClose, data)
            #expect(try await client.closing().code == 1001)
            try await client.ended()
            let info = try await cluster.api.client("leaving")
            #expect(info.state == "offline")
            #expect(info.closeCode == 1001)
            #expect(info.closeReason == "going home")
        }
    }

    @Test("A client without an id is given one")
    func anonymous() async throws {
        try await Clients.with { clients, cluster in
            var options = clients.options(nil)
            options.subprotocols = ["switchboard.v1"]
            let client = try await clients.connect(options)
            let hello = try await client.frame("hello", of: Hello.self, within: .seconds(3))
            #expect(try await cluster.api.client(hello.clientId).state == "online")
            let named = try await clients.connect(options)
            try await named.send(#"{"type":"hello","clientId":"named-later","labels":{"a":"b"}}"#)
            #expect(try await named.frame("hello", of: Hello.self).clientId == "named-later")
            #expect(try await cluster.api.client("named-later").labels == ["a": "b"])
        }
    }
}

import Foundation
import NIOCore
import NIOWebSocket
import Testing

/// Pings, pongs and dead links, with settings short enough to wait for.
@Suite(
    "Heartbeat",
    .cluster(
        nodes: 1, redis: false, proxy: false, options: ["--heartbeat-interval", "1", "--heartbeat-timeout", "1"]),
    .logsOnFailure, .timeLimit(.minutes(1)))
struct HeartbeatTests {
    @Test("Who answers no ping is closed 4202", arguments: ["raw", "framed"])
    func silent(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            var options = clients.options("silent-\(mode)")
            options.isAlive = false
            options.seesPings = true
            if mode == "framed" { options.subprotocols = ["switchboard.v1"] }
            let clock = ContinuousClock()
            let start = clock.now
            let client = try await clients.connect(options)
            if mode == "framed" {
                #expect(try await client.frame("hello", of: Hello.self).heartbeat.interval == 1)
            }
            guard case .ping = try await client.events.next() else {
                Issue.record("a ping is expected before the close")
                return
            }
            let pinged = clock.now - start
            #expect(pinged > .milliseconds(700) && pinged < .milliseconds(1500), "the first ping came after \(pinged)")
            #expect(try await client.closing().code == 4202)
            let closed = clock.now - start
            #expect(closed > .milliseconds(1700) && closed < .milliseconds(3500), "it was closed after \(closed)")
            // It answers no close frame either: the node does not wait for it.
            try await client.ended(within: .seconds(8))
            let info = try await cluster.api.client("silent-\(mode)")
            #expect(info.state == "suspect")
            #expect(info.closeCode == 4202)
        }
    }

    @Test("Who answers stays, and presence tells the round trip", arguments: ["raw", "framed"])
    func answering(_ mode: String) async throws {
        try await Clients.with { clients, cluster in
            var options = clients.options("answering-\(mode)")
            options.seesPings = true
            if mode == "framed" { options.subprotocols = ["switchboard.v1"] }
            let client = try await clients.connect(options)
            if mode == "framed" { try await client.frame("hello", of: Hello.self) }
            for _ in 0..<4 {
                guard case .ping = try await client.events.next() else {
                    Issue.record("only pings are expected")
                    return
                }
            }
            try await eventually("the round trip is shown") {
                try await cluster.api.client("answering-\(mode)").rtt != nil
            }
            let info = try await cluster.api.client("answering-\(mode)")
            #expect(info.state == "online")
            #expect(try #require(info.rtt) < 500)
            #expect(info.lastSeenAt != nil)
        }
    }

    @Test("Any frame counts as life")
    func anyFrame() async throws {
        try await Clients.with { clients, cluster in
            var options = clients.options("busy")
            options.isAlive = false
            var client = try await clients.connect(options)
            // On a machine that stands still for as long as a client may be silent, nothing can be told.
            for _ in 0..<5 {
                if try await speak(client) < .milliseconds(900) { break }
                await client.drop()
                client = try await clients.connect(options)
            }
            #expect(try await cluster.api.post("/v1/clients/busy/push", "x").decode(PushAnswer.self).delivered == 1)
            #expect(try await client.text() == "x")
            // And then it is silent.
            #expect(try await client.closing().code == 4202)
        }
    }

    /// Longer than three times what a silent client is given.
    ///
    /// - Returns: The longest silence.
    private func speak(_ client: SocketClient) async throws -> Duration {
        let clock = ContinuousClock()
        var (last, longest) = (clock.now, Duration.zero)
        for number in 0..<16 {
            // One that is cut off by its own pause is no failure.
            try? await client.send(number % 2 == 0 ? "still here" : "")
            longest = max(longest, clock.now - last)
            last = clock.now
            try await clock.sleep(for: .milliseconds(400))
        }
        return max(longest, clock.now - last)
    }

    @Test("A frozen agent is dropped, and comes back when it goes on")
    func halfOpen() async throws {
        let cluster = try Cluster.shared()
        let agent = try await cluster.run(
            "frozen-agent", Programs.switchboard(),
            ["agent", "--url", "ws://127.0.0.1:\(cluster.entrance)", "--id", "frozen-agent", "--health-interval", "0"])
        try await eventually("it is online") { try await cluster.api.client("frozen-agent").state == "online" }
        agent.signal(SIGSTOP)
        try await eventually("it is taken for dead", within: .seconds(5)) {
            try await cluster.api.client("frozen-agent").closeCode == 4202
        }
        agent.signal(SIGCONT)
        try await eventually("it is back", within: .seconds(15)) {
            try await cluster.api.client("frozen-agent").state == "online"
        }
        let answer = try await cluster.api.post("/v1/clients/frozen-agent/push", "welcome back").decode(PushAnswer.self)
        #expect(answer.counts == PushAnswer.reachedOne)
        try await eventually("it has got it") { agent.output.contains("welcome back") }
        #expect(await agent.stop() == 0)
    }

    @Test("A WebSocket ping of a client is answered with its own bytes, in either mode", arguments: ["raw", "framed"])
    func clientPings(_ mode: String) async throws {
        try await Clients.with { clients, _ in
            var options = clients.options("pinging-\(mode)")
            options.seesPongs = true
            if mode == "framed" { options.subprotocols = ["switchboard.v1"] }
            let client = try await clients.connect(options)
            if mode == "framed" { try await client.frame("hello", of: Hello.self) }
            try await client.send(.ping, ByteBuffer(string: "are you there?"))
            guard case .pong(let bytes) = try await client.events.next() else {
                Issue.record("a pong is expected")
                return
            }
            #expect(String(buffer: bytes) == "are you there?")
        }
    }
}

import NIOCore
import NIOHTTP1
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// How links and attempts end, and what comes next, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct ReconnectTests {
    @Test func reconnectsAfterACut() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node, random: 0.01) { running in
            let first = try await node.connections.next()
            try await first.hello()
            try await running.connected()
            try await first.cut()
            let end = try await running.nextEnd()
            #expect(end.code == 1006)
            #expect(end.retryIn == 0.05)  // 0.01 x the 5 s over which the clients of a lost node are spread
            let second = try await node.connections.next()
            try await second.hello()
            try await running.connected()
        }
    }

    @Test func noticesAConnectionThatEndsWithItsUpgrade() async throws {
        let node = try await FakeNode(.acceptAndCut)
        try await RunningAgent.with(node) { running in
            for _ in 0..<30 {
                let end = try await running.nextEnd()
                #expect(end.retryIn == 0)
            }
        }
    }

    @Test func noticesAHalfClosedConnection() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await running.connected()
            try await connection.channel.close(mode: .output)
            #expect(try await running.nextEnd().code == 1006)
            _ = try await node.connections.next()
        }
    }

    @Test func takesSilenceForADeadLink() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello(heartbeat: (0.2, 0.1))
            let end = try await running.nextEnd()
            #expect(end.code == 1006)
            #expect(end.reason == "nothing heard for 0.3 s")
            _ = try await node.connections.next()
        }
    }

    @Test func takesThePiecesOfALargeFrameForLife() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await running.connected()
            let before = await running.lastTraffic
            // The head of a frame and one byte of it: nothing that the decoder could hand over.
            try await connection.sendRaw([0x81, 50, UInt8(ascii: "{")])
            while await running.lastTraffic == before { try await Task.sleep(for: .milliseconds(1)) }
            #expect(await running.agent.state.isOnline)
        }
    }

    @Test func goesAwayWhenTold() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node, random: 0.9) { running in
            let first = try await node.connections.next()
            try await first.hello()
            let told = ContinuousClock.now
            try await first.send(.goaway(reason: "draining", reconnectAfter: 0.3))
            try await first.push("on-the-way-out")
            #expect(try await running.pushes.next().id == "on-the-way-out")
            try await first.expectClose(1000)
            let end = try await running.nextEnd()
            #expect(end.retryIn == 0)
            _ = try await node.connections.next()
            #expect(ContinuousClock.now - told >= .milliseconds(300))
        }
    }

    @Test func waitsForTheRestOfGoawayWhenClosedBefore() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node, random: 0.9) { running in
            let first = try await node.connections.next()
            try await first.hello()
            try await first.send(.goaway(reason: "draining", reconnectAfter: 100))
            try await first.close(4200, "draining")
            try await first.expectClose(4200)
            let end = try await running.nextEnd()
            #expect(end.code == 4200)
            let delay = try #require(end.retryIn)
            #expect(delay > 50 && delay <= 100)
        }
    }

    @Test(arguments: [
        (UInt16(4100), "too many, after=0.2", 0.2), (4201, "after=0.1", 0.1), (4202, "no pong", 0), (1001, "", 0),
    ])
    func comesBackAfterAClose(code: UInt16, reason: String, delay: Double) async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let first = try await node.connections.next()
            try await first.hello()
            try await first.close(code, reason)
            try await first.expectClose(code)
            let end = try await running.nextEnd()
            #expect(end.code == code)
            #expect(end.reason == reason)
            #expect(end.retryIn == delay)
            _ = try await node.connections.next()
        }
    }

    @Test(arguments: [UInt16(4001), 4002, 4003, 4004, 4006, 4099])
    func staysAwayAfterAClose(code: UInt16) async throws {
        let node = try await FakeNode()
        let running = RunningAgent(node.url)
        let connection = try await node.connections.next()
        try await connection.hello()
        try await connection.close(code, "because")
        try await connection.expectClose(code)
        await #expect(throws: AgentError.closed(CloseCode(rawValue: code), reason: "because")) {
            try await running.run.value
        }
        #expect(try await running.nextEnd().retryIn == nil)
        try await node.stop()
    }

    @Test(arguments: [400, 401, 403])
    func staysAwayAfterARefusal(status: Int) async throws {
        let problem = #"{"title":"No","detail":"the token is not valid","code":"bad_token"}"#
        let node = try await FakeNode(.refuse(status, ["content-type": "application/problem+json"], body: problem))
        let running = RunningAgent(node.url)
        await #expect(throws: AgentError.refused(status: status, code: "bad_token", message: "the token is not valid"))
        {
            try await running.run.value
        }
        #expect(try await running.nextEnd().retryIn == nil)
        try await node.stop()
    }

    @Test func obeysRetryAfter() async throws {
        let node = try await FakeNode(.refuse(503, ["retry-after": "1"]), .accept)
        try await RunningAgent.with(node, random: 0.5) { running in
            let end = try await running.nextEnd()
            #expect(end.retryIn == 1.5)  // as asked, and the jitter of a first failure: 0.5 x 1 s
            #expect(end.reason == "Service Unavailable (503)")
            try await node.connections.next().hello()
            try await running.connected()
        }
    }

    @Test(arguments: [404, 409, 429, 500, 502])
    func backsOffAfterOtherRefusals(status: Int) async throws {
        let node = try await FakeNode(.refuse(status), .accept)
        try await RunningAgent.with(node) { running in
            #expect(try await running.nextEnd().retryIn == 0)
            _ = try await node.connections.next()
        }
    }

    @Test func refusesAnotherSubprotocol() async throws {
        let node = try await FakeNode(.acceptAs(nil), .acceptAs("other"), .accept)
        try await RunningAgent.with(node) { running in
            for _ in 0..<2 {
                _ = try await node.connections.next()
                #expect(try await running.nextEnd().reason == "the node does not speak switchboard.v1")
            }
            try await node.connections.next().hello()
            try await running.connected()
        }
    }

    @Test func givesUpAnAttemptThatIsNotAnswered() async throws {
        let node = try await FakeNode(.mute, .accept)
        try await RunningAgent.with(
            node, configure: { $0.connectTimeout = 0.3 },
            body: { running in
                #expect(try await running.nextEnd().reason == "no answer within 0.3 s")
                _ = try await node.connections.next()
            })
    }

    @Test func saysThatNobodyListens() async throws {
        let node = try await FakeNode()
        try await node.stop()
        let running = RunningAgent(node.url, random: 0.5)
        let end = try await running.nextEnd()
        #expect(end.reason == "cannot reach 127.0.0.1:\(node.port): Connection refused")
        #expect(end.retryIn == 0.5)
        #expect(try await running.nextEnd().retryIn == 1)
        await running.agent.stop()
        try await running.run.value
    }

    @Test func refusesAConfigurationThatCannotWork() async throws {
        for url in ["", "nonsense", "ftp://a", "ws://", "ws://a:99999"] {
            await #expect(throws: AgentError.self) { try await RunningAgent(url).run.value }
        }
    }

    @Test func closesWith1000WhenCancelled() async throws {
        let node = try await FakeNode()
        let running = RunningAgent(node.url)
        let connection = try await node.connections.next()
        try await connection.hello()
        try await running.connected()
        running.run.cancel()
        try await connection.expectClose(1000)
        try await running.run.value
        #expect(try await running.nextEnd().code == 1000)
        try await node.stop()
    }

    @Test func doesNotStartWhenItWasStoppedBefore() async throws {
        let node = try await FakeNode()
        let agent = Agent(configuration: AgentConfiguration(url: node.url))
        await agent.stop()
        try await agent.run()
        try await node.stop()
    }

    @Test func sendsNothingAfterAConfigurationThatCannotWork() async throws {
        let agent = Agent(configuration: AgentConfiguration(url: "nonsense"))
        await #expect(throws: AgentError.self) { try await agent.run() }
        await #expect(throws: AgentError.stopped) { try await agent.send(.json("1")) }
    }

    @Test func runsOnce() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            _ = try await node.connections.next()
            await #expect(throws: AgentError.alreadyRun) { try await running.agent.run() }
        }
    }
}

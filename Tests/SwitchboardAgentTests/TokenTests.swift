import FoundationEssentials
import NIOCore
import NIOHTTP1
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardAgent

/// The agent's token: shown at each attempt, renewed on the open link.
@Suite(.timeLimit(.minutes(1))) struct TokenTests {
    /// Gives one token after the other; the last one for all that follow.
    private final class Source: Sendable {
        private let tokens: [@Sendable () throws -> String]
        private let position = Mutex(0)

        init(_ tokens: [@Sendable () throws -> String]) { self.tokens = tokens }

        var count: Int { position.withLock { $0 } }

        func next() throws -> String {
            let index = position.withLock { position in
                defer { position += 1 }
                return min(position, tokens.count - 1)
            }
            return try tokens[index]()
        }
    }

    private struct LoginIsDown: Error, CustomStringConvertible { let description = "the login is down" }

    /// What the node would make a token of: nobody looks at its signature here.
    private static func token(_ name: String, seconds: Double) -> String {
        let claims = #"{"sub":"\#(name)","exp":\#(Date().timeIntervalSince1970 + seconds)}"#
        let text = Base64.encode(ByteBuffer(string: claims)).replacing("=", with: "")
        return "h.\(text.replacing("+", with: "-").replacing("/", with: "_")).s"
    }

    private func run(
        _ node: FakeNode, connectTimeout: Double = 10, showing token: @escaping @Sendable () async throws -> String,
        body: (RunningAgent) async throws -> Void
    ) async throws {
        let configure: (inout AgentConfiguration) -> Void = {
            $0.connectTimeout = connectTimeout
            $0.token = token
        }
        try await RunningAgent.with(node, configure: configure, body: body)
    }

    private func authorization(_ connection: FakeConnection) -> [String] { connection.request.headers["authorization"] }

    // MARK: The attempts

    @Test func eachAttemptAsksForAToken() async throws {
        let node = try await FakeNode(.refuse(503), .accept)
        let source = Source([{ throw LoginIsDown() }, { "one" }, { "two" }, { "three" }])
        try await run(node, showing: source.next) { running in
            #expect(try await running.nextEnd().reason == "there is no token: the login is down")
            #expect(try await running.nextEnd().reason.contains("503"))
            let first = try await node.connections.next()
            #expect(authorization(first) == ["Bearer two"])
            #expect(!first.request.uri.contains("two"))
            try await first.hello()
            try await running.connected()
            try await first.close(CloseCode.tokenExpired.rawValue, "the token has expired")
            try await first.expectClose(4105)
            #expect(try await running.nextEnd().code == 4105)
            let second = try await node.connections.next()
            #expect(authorization(second) == ["Bearer three"])
        }
    }

    @Test(arguments: ["", "a b", "a\r\nX: y", "\u{E9}", String(repeating: "x", count: 20_000)])
    func whatIsNoTokenIsNotSent(text: String) async throws {
        let node = try await FakeNode()
        let source = Source([{ text }, { "good" }])
        try await run(node, showing: source.next) { running in
            #expect(try await running.nextEnd().reason == "there is no token: what was given is none")
            let connection = try await node.connections.next()
            #expect(authorization(connection) == ["Bearer good"])
        }
    }

    @Test func aTokenThatComesTooLateConnectsNobody() async throws {
        let node = try await FakeNode()
        let (asked, late) = (Inbox<Void>(), Inbox<Void>())
        let source = Source([{ "late" }, { "good" }])
        let give: @Sendable () async throws -> String = {
            let token = try source.next()
            guard token == "late" else { return token }
            asked.put(())
            try await late.next()
            return token
        }
        try await run(node, connectTimeout: 3, showing: give) { running in
            try await asked.next()
            #expect(try await running.nextEnd().reason == "no answer within 3 s")
            let connection = try await node.connections.next()
            #expect(authorization(connection) == ["Bearer good"])
            late.put(())
            try await connection.hello()
            try await running.connected()
            #expect(await running.agent.credentials.token == "good")
        }
    }

    @Test(arguments: [
        (FakeNode.Answer.refuse(401, body: #"{"code":"unauthorized","detail":"the token has expired"}"#), "expired"),
        (.refuse(403, body: #"{"code":"forbidden","detail":"the token is for another clientId"}"#), "another"),
    ])
    func whoIsNotLetInStops(answer: FakeNode.Answer, word: String) async throws {
        let node = try await FakeNode(answer)
        let running = RunningAgent(node.url, configure: { $0.token = { "t" } })
        let error = await #expect(throws: AgentError.self) { try await running.run.value }
        #expect(error?.description.contains(word) == true)
        try await node.stop()
    }

    // MARK: Renewal

    @Test func aTokenIsRenewedBeforeItEnds() async throws {
        let node = try await FakeNode()
        // Long enough that on a machine that stands still for a moment the agent neither misses the renewal nor asks for
        // another token before the answer to the last one.
        let source = Source([
            { Self.token("1", seconds: 12) }, { Self.token("2", seconds: 12) }, { Self.token("3", seconds: 3600) },
        ])
        try await run(node, showing: source.next) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            for number in 2...3 {
                guard case .token(let token) = try await connection.next() else {
                    Issue.record("no token")
                    return
                }
                #expect(source.count == number)
                let known = await running.agent.credentials.token
                #expect(token != known)
                try await connection.send(.ack(ref: ServerFrame.tokenReference))
            }
            #expect(await running.agent.state.isOnline)
        }
    }

    @Test func whoKnowsOfANewTokenSaysSo() async throws {
        let node = try await FakeNode()
        let source = Source([{ "one" }, { "one" }, { throw LoginIsDown() }, { "two" }])
        try await run(node, showing: source.next) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await running.connected()
            // The same again, then none: nothing is sent.
            for count in 2...4 {
                while source.count < count {
                    await running.agent.renewToken()
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            #expect(try await connection.next() == .token("two"))
            try await connection.send(
                .error(code: "wrong_signature", message: "no", ref: ServerFrame.tokenReference))
            while true {
                if case .refused(let code, _) = try await running.events.next() {
                    #expect(code == "wrong_signature")
                    break
                }
            }
            #expect(await running.agent.state.isOnline)
            #expect(await running.agent.credentials.token == "one")
            await running.agent.renewToken()
            #expect(try await connection.next() == .token("two"))
        }
    }

    @Test func aGroupThatIsNotAllowedIsNotNamedAgain() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await running.connected()
            let group = GroupName(unchecked: "ops")
            await running.agent.join(group)
            #expect(try await connection.next() == .join(group: group))
            try await connection.send(.error(code: "forbidden", message: "no", ref: "ops"))
            while true { if case .refused = try await running.events.next() { break } }
            try await connection.cut()
            let next = try await node.connections.next()
            #expect(!next.request.uri.contains("ops"))
        }
    }

    // MARK: Without I/O

    @Test func theTimeOfAToken() throws {
        #expect(Credentials.expiry(of: "e30.eyJleHAiOjEwMH0.x") == 100)
        #expect(Credentials.expiry(of: "e30.eyJleHAiOjEwMC41LCJzdWIiOiLDvz4_In0.x") == 100.5)
        for text in ["", "opaque", "a.b", "a.b.c", "e30.e30.x", "e30.eyJleHAiOiIxIn0.x", "e30.eyJleHAiOjEwMH0"] {
            #expect(Credentials.expiry(of: text) == nil, "\(text)")
        }
    }

    @Test func whenANewOneIsDue() {
        var credentials = Credentials()
        #expect(credentials.delay(now: 0, random: 0) == nil)
        credentials.shown("e30.eyJleHAiOjEwMH0.x")
        #expect(credentials.delay(now: 0, random: 0) == 75)
        #expect(credentials.delay(now: 0, random: 0.999) ?? 0 < 85)
        #expect(credentials.delay(now: 96, random: 0) == 3)
        #expect(credentials.delay(now: 99.5, random: 0) == nil)
        #expect(credentials.delay(now: 200, random: 0) == nil)
    }

    @Test func whatTheNodeSaysOfIt() {
        var credentials = Credentials()
        credentials.shown("a")
        let answers = [
            credentials.accepted(), credentials.rejected(), credentials.offers("a"),
            credentials.offers("b"), credentials.offers("b"), credentials.rejected(),
        ]
        #expect(answers == [false, false, false, true, false, true])
        #expect(credentials.token == "a")
        let later = [credentials.offers("b"), credentials.accepted()]
        #expect(later == [true, true])
        #expect(credentials.token == "b")
    }

    @Test(arguments: [
        ("wss://a.example", true), ("ws://127.0.0.1:1", true), ("ws://[::1]", true), ("ws://localhost", true),
        ("ws://a.example", false), ("ws://10.0.0.1", false), ("ws://127.evil.example", false),
    ])
    func whereASecretStaysOne(url: String, isKept: Bool) throws {
        #expect(try Endpoint(url).keepsSecrets == isKept)
    }
}

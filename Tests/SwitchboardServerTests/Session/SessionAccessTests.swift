import Logging
import NIOCore
import NIOEmbedded
import NIOWebSocket
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Who is let in, what it may then, and until when. The authenticator's time is 1 000 000; to a session a token of that time has
/// long expired, so that one tick ends it.
@Suite struct SessionAccessTests {
    private static let never = 4_000_000_000.0
    private static let soon = TestTokens.now + 1

    private let key: TokenKey

    init() async throws { key = try await TokenKey(id: nil, secret: Array(TestTokens.secret.utf8)) }

    private func node(guarded: Bool = true, _ change: (inout ServerConfiguration) -> Void = { _ in }) -> TestNode {
        let store = TokenKeyStore(
            fixed: [key], allowsSecrets: false, interval: 0, load: nil,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let authenticator = Authenticator(
            policy: AccessPolicy(guardsAPI: guarded, guardsClients: guarded), keys: nil, signers: store,
            verifier: TokenVerifier(), maximumGroups: 100, now: { TestTokens.now })
        return TestNode(authenticator: authenticator, change)
    }

    private func token(_ client: String = "a", _ more: String = "", until end: Double = never) throws -> String {
        try TestTokens.token(header: #"{"alg":"HS256"}"#, claims: #"{"sub":"\#(client)","exp":\#(end)\#(more)}"#) {
            try key.sign($0)
        }
    }

    private func hello(_ token: String, _ more: String = "") -> String {
        #"{"type":"hello","token":"\#(token)"\#(more)}"#
    }

    /// Why the session was closed, as its close frame says.
    private func close(_ connection: TestConnection) throws -> String {
        guard var frame = try connection.wire.messages().last, let code = frame.readInteger(as: UInt16.self) else {
            return "open"
        }
        return "\(code) \(String(buffer: frame).prefix { $0 != ":" })"
    }

    private func stop(_ test: TestNode) {
        test.node.stop()
        test.loop.run()
    }

    // MARK: The handshake

    @Test("A token names the client, its groups and its labels") func named() throws {
        let test = node()
        let token = try token("a", #","groups":["g"],"labels":{"role":"till"}"#)
        let connection = try TestConnection(
            test, "/ws?clientId=a&group=g&label.role=till", isFramed: false, token: token)
        #expect(connection.session.phase == .open)
        #expect(test.presence(of: "a")?.labels == ["role": "till"])
        #expect(test.presence(of: "a")?.groups == [group("g")])
        try connection.drop()
        let request = try test.request("/ws?token=\(token)")
        #expect(request.client == client("a"))
    }

    @Test(
        "A handshake that does not show enough is refused",
        arguments: [
            ("/ws", "", "missing_credentials"), ("/ws?clientId=b", "a", "another_client"),
            ("/ws?group=h", "a", "group_not_allowed"), ("/ws?label.role=admin", "a", "label_not_allowed"),
            ("/ws?label.other=x", "a", "label_not_allowed"), ("/ws?token=x", "", "malformed_token"),
            ("/ws?token=", "", "malformed_token"), ("/ws?group=g&label.role=till&clientId=a", "a", "in"),
        ])
    func refused(uri: String, client: String, expected: String) throws {
        let test = node()
        let token = client.isEmpty ? nil : try token(client, #","groups":["g"],"labels":{"role":"till"}"#)
        var reason = "in"
        do { _ = try test.request(uri, token: token) } catch let problem as Problem {
            reason = problem.reason?.rawValue ?? problem.code
        }
        #expect(reason == expected)
    }

    @Test("Where clients may be anonymous, a token counts nevertheless") func held() throws {
        let test = node(guarded: false)
        #expect(try test.request("/ws?clientId=a&group=x&label.l=1").client == client("a"))
        let token = try token()
        #expect(throws: Problem.self) { try test.request("/ws?clientId=b", token: token) }
        #expect(throws: Problem.self) { try test.request("/ws", token: token + "x") }
    }

    @Test("Groups of the token and those that were asked for are together no more than allowed") func many() throws {
        let test = node { $0.maximumGroups = 2 }
        let token = try token("a", #","groups":["g","h"],"join":["*"]"#)
        #expect(try test.request("/ws?group=g", token: token).groups == [group("g"), group("h")])
        #expect(throws: Problem.self) { try test.request("/ws?group=i", token: token) }
    }

    // MARK: hello

    @Test("A framed client may show its token in hello; before, it is nobody") func inHello() throws {
        let test = node()
        let connection = try TestConnection(test, "/ws?clientId=a&hello=1")
        #expect(connection.session.phase == .unidentified)
        #expect(test.node.directory.count == 0)
        #expect(test.presence(of: "a") == nil)
        try connection.receive(hello(try token("a", #","groups":["g"]"#)))
        #expect(connection.session.phase == .open)
        #expect(test.shard.groups[group("g")]?.members.count == 1)
        #expect(try connection.frames().hello?.client == client("a"))
        try connection.drop()
    }

    @Test(
        "A hello that does not show enough closes",
        arguments: [
            (#"{"type":"hello"}"#, "4001 missing_credentials"), (#"{"type":"pong"}"#, "4001 missing_credentials"),
            (#"{"type":"hello","token":"x"}"#, "4001 malformed_token"),
            (#"{"type":"hello","token":"A"}"#, "in"), (#"{"type":"hello","token":"B"}"#, "4002 another_client"),
            (#"{"type":"hello","token":"A","clientId":"b"}"#, "4002 another_client"),
            (#"{"type":"hello","token":"A","labels":{"l":"2"}}"#, "4002 label_not_allowed"),
            (#"{"type":"hello","token":"A","labels":{"l":"1"}}"#, "in"),
            (#"{"type":"hello","token":1}"#, "4006 the member 'token' is missing or not valid"),
            (#"{"type":"message","data":1}"#, "4001 missing_credentials"),
        ])
    func badHello(text: String, expected: String) throws {
        let test = node()
        let connection = try TestConnection(test, "/ws?clientId=a&hello=1")
        let own = try token("a", #","labels":{"l":"1"}"#)
        try connection.receive(
            text.replacing("\"A\"", with: "\"\(own)\"").replacing("\"B\"", with: "\"\(token("b"))\""))
        let outcome = connection.session.phase == .open ? "in" : try close(connection)
        #expect(outcome == expected)
        #expect(test.node.directory.count == (expected == "in" ? 1 : 0))
        try connection.drop()
    }

    @Test(
        "Ten seconds are enough for it, even where nothing was promised",
        arguments: ["/ws", "/ws?clientId=a&hello=1"])
    func tooLate(uri: String) throws {
        let test = node()
        test.node.start()
        defer { stop(test) }
        let connection = try TestConnection(test, uri)
        test.loop.advanceTime(by: .milliseconds(9_900))
        #expect(connection.session.phase == .unidentified)
        test.loop.advanceTime(by: .milliseconds(200))
        #expect(try close(connection) == "4001 missing_credentials")
        #expect(test.node.authenticator.tally[.client, .missingCredentials] == 1)
        try connection.drop()
    }

    @Test("A hello after a handshake with a token renews it, for the same client") func twice() throws {
        let test = node()
        for (name, phase) in [("a", Session.Phase.open), ("b", .closing)] {
            let connection = try TestConnection(
                test, "/ws?hello=1", token: try token("a", #","groups":["g"]"#, until: Self.soon))
            try connection.receive(hello(try token(name)))
            #expect(connection.session.phase == phase)
            if phase == .open {
                #expect(connection.session.access?.hasExpired(now: 1_700_000_000_000) == false)
                #expect(connection.session.memberships.map(\.group.name) == [group("g")])
            }
            try connection.drop()
        }
    }

    // MARK: The bytes before it

    @Test("What comes before a client is known is bounded, whatever it is") func gate() throws {
        let channel = EmbeddedChannel()
        let events = EventCounter()
        try channel.pipeline.syncOperations.addHandlers([HelloGate(), events])
        let piece = ByteBuffer(repeating: 0, count: 1024)
        for count in 1...HelloGate.limit / 1024 {
            try channel.writeInbound(piece)
            #expect(events.overruns == 0, "\(count)")
        }
        for _ in 0..<3 { try channel.writeInbound(piece) }
        #expect(events.overruns == 1)
        #expect(events.bytes == HelloGate.limit + 1024)
        _ = try channel.finish()
    }

    private final class EventCounter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var overruns = 0
        var bytes = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { bytes += unwrapInboundIn(data).readableBytes }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is HelloGate.Overrun { overruns += 1 }
        }
    }

    @Test("The gate is gone with the hello, and shuts without it", arguments: [true, false])
    func overrun(isKnown: Bool) throws {
        let test = node()
        let connection = try TestConnection(test, "/ws?hello=1")
        let pipeline = connection.channel.pipeline.syncOperations
        try pipeline.addHandler(HelloGate())
        if isKnown {
            try connection.receive(hello(try token()))
            #expect((try? pipeline.handler(type: HelloGate.self)) == nil)
        } else {
            connection.channel.pipeline.fireUserInboundEventTriggered(HelloGate.Overrun())
            test.loop.run()
            #expect(try close(connection) == "1009 too much before it is known who it is")
        }
        try connection.drop()
    }

    // MARK: An open session

    @Test("The end of the token ends the session, whatever its mode", arguments: [true, false])
    func expired(isFramed: Bool) throws {
        let test = node()
        test.node.start()
        defer { stop(test) }
        let connection = try TestConnection(
            test, "/ws?clientId=a", isFramed: isFramed, token: try token(until: Self.soon))
        if isFramed { try connection.receive(#"{"type":"hello"}"#) }
        #expect(connection.session.phase == .open)
        test.loop.advanceTime(by: .milliseconds(200))
        #expect(try close(connection) == "4105 the token has expired")
        #expect(test.presence(of: "a")?.closeCode == 4105)
        try connection.drop()
    }

    /// An open framed session of the client `a` whose token expires with the next tick.
    private func open(_ test: TestNode, _ more: String = "", until end: Double = soon) throws -> TestConnection {
        let connection = try TestConnection(test, "/ws?hello=1")
        try connection.receive(hello(try token("a", more, until: end)))
        try #require(connection.session.phase == .open)
        _ = try connection.frames()
        return connection
    }

    @Test("A newer token keeps the session, with its pings") func renewed() throws {
        let test = node { $0.heartbeatInterval = 1 }
        test.node.start()
        defer { stop(test) }
        let connection = try open(test)
        let session = connection.session.record?.session
        try connection.receive(#"{"type":"token","token":"\#(try token())"}"#)
        #expect(try connection.frames() == [.ack(ref: "token")])
        test.loop.advanceTime(by: .milliseconds(1200))
        #expect(connection.session.phase == .open)
        #expect(try connection.frames() == [.ping])
        #expect(connection.session.record?.session == session)
        // One that ends sooner counts as well.
        try connection.receive(#"{"type":"token","token":"\#(try token(until: Self.soon))"}"#)
        test.loop.advanceTime(by: .milliseconds(200))
        #expect(connection.session.phase == .closing)
        try connection.drop()
    }

    @Test("A newer token that is not good leaves the session until the old one ends") func notRenewed() throws {
        let test = node()
        test.node.start()
        defer { stop(test) }
        let connection = try open(test)
        for (text, code) in [("x", "malformed_token"), (try token(until: 1), "token_expired")] {
            try connection.receive(#"{"type":"token","token":"\#(text)"}"#)
            let frames = try connection.frames()
            guard case .error(code, _, "token") = try #require(frames.first) else {
                Issue.record("\(frames)")
                continue
            }
        }
        #expect(connection.session.phase == .open)
        test.loop.advanceTime(by: .milliseconds(200))
        #expect(try close(connection) == "4105 the token has expired")
        try connection.drop()
    }

    @Test("A token of somebody else ends the session") func another() throws {
        let test = node()
        let connection = try open(test)
        try connection.receive(#"{"type":"token","token":"\#(try token("b"))"}"#)
        #expect(try close(connection) == "4002 another_client")
        #expect(test.node.authenticator.tally[.client, .anotherClient] == 1)
        try connection.drop()
    }

    @Test("Groups are entered and left as far as the token allows") func groups() throws {
        let test = node()
        let connection = try open(test, #","groups":["g"],"join":["chat:*"]"#, until: Self.never)
        func answer(_ type: String, _ group: String) throws -> [ServerFrame] {
            try connection.receive(#"{"type":"\#(type)","group":"\#(group)"}"#)
            return try connection.frames()
        }
        func names() -> [String] { connection.session.memberships.map(\.group.name.rawValue).sorted() }
        #expect(try answer("join", "chat:1") == [])
        #expect(names() == ["chat:1", "g"])
        let forbidden = [
            ServerFrame.error(code: "forbidden", message: "the client may not join this group", ref: "ops")
        ]
        #expect(try answer("join", "ops") == forbidden)
        connection.session.join(group("ops"))  // by an operator
        #expect(try answer("leave", "ops") == forbidden)
        #expect(try answer("leave", "g") == [])
        #expect(try answer("join", "g") == [])
        #expect(names() == ["chat:1", "g", "ops"])
        #expect(test.node.authenticator.tally[.client, .groupNotAllowed] == 2)
        // What a newer token allows counts at once.
        try connection.receive(
            #"{"type":"token","token":"\#(try token("a", #","join":["ops2"]"#))"}"#)
        _ = try connection.frames()
        #expect(try answer("join", "ops2") == [])
        #expect(try answer("join", "chat:2").count == 1)
        try connection.drop()
    }

    @Test("A client publishes where its newest token allows it") func publishing() throws {
        let test = node()
        let connection = try open(test, #","join":["*"],"publish":["chat:*"]"#, until: Self.never)
        func mayPublish(_ group: String) throws -> Bool {
            try connection.receive(#"{"type":"publish","id":"m","group":"\#(group)","data":1}"#)
            return try connection.frames() == [.ack(ref: "m")]
        }
        #expect(try mayPublish("chat:1"))
        #expect(try !mayPublish("ops"))
        try connection.receive(#"{"type":"token","token":"\#(try token("a", #","publish":["ops"]"#))"}"#)
        _ = try connection.frames()
        #expect(try mayPublish("ops"))
        #expect(try !mayPublish("chat:1"))
        try connection.drop()
    }

    @Test("Without tokens the configuration says what may be joined") func configured() throws {
        let test = TestNode { $0.auth.joinableGroups = [GroupPattern("chat:*")].compactMap { $0 } }
        #expect(throws: Problem.self) { try test.request("/ws?group=ops") }
        let connection = try TestConnection.open(test, "a&group=chat:1")
        try connection.receive(#"{"type":"join","group":"chat:2"}"#)
        #expect(try connection.frames() == [])
        try connection.receive(#"{"type":"join","group":"ops"}"#)
        #expect(try connection.frames().count == 1)
        try connection.drop()
    }

    @Test("What the connecting hook gives is allowed, whatever the token says") func given() throws {
        let test = node(guarded: false)
        var request = try test.request("/ws?clientId=a", isFramed: true)
        request.take(ConnectRequest.Grant(groups: [group("vip")], labels: ["by": "hook"]))
        let channel = EmbeddedChannel(loop: test.loop)
        let session = Session(shard: test.shard, request: request)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.pipeline.syncOperations.addHandler(session)
        let frame = try ClientFrame(parsing: ByteBuffer(string: hello(try token("a", #","groups":["g"]"#))))
        session.introduce(request, by: frame)
        test.loop.run()
        #expect(session.phase == .open)
        #expect(session.record?.groups == [group("g"), group("vip")])
        #expect(session.record?.labels == ["by": "hook"])
        #expect(session.access?.allows(group("vip")) == true)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }
}

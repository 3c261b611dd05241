import NIOCore
import NIOEmbedded
import NIOWebSocket
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// The life of sessions as far as it needs no socket: what they write is lost here, and left to the integration tests.
@Suite struct SessionTests {
    /// A connection that has been upgraded.
    private struct Connection {
        let channel: EmbeddedChannel
        let session: Session

        init(_ test: TestNode, _ uri: String, isFramed: Bool = false) throws {
            session = try test.session(uri, isFramed: isFramed)
            channel = EmbeddedChannel(loop: test.loop)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            try channel.pipeline.syncOperations.addHandler(session)
            test.loop.run()
        }

        func receive(_ opcode: WebSocketOpcode, _ text: String, isMasked: Bool = true) throws {
            try receive(opcode, Array(text.utf8), isMasked: isMasked)
        }

        func receive(_ opcode: WebSocketOpcode, _ bytes: [UInt8], isMasked: Bool = true) throws {
            try channel.writeInbound(ClientBytes.frame(opcode, bytes, isMasked: isMasked))
            channel.embeddedEventLoop.run()
        }

        /// The connection is cut.
        func drop() throws { _ = try channel.finish(acceptAlreadyClosed: true) }
    }

    private func closeCode(_ name: String, _ test: TestNode) -> UInt16? { test.presence(of: name)?.closeCode }

    // MARK: Coming and going

    @Test func aClientThatNamesItselfIsOnlineAtOnce() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a&group=g&label.k=v")
        #expect(connection.session.phase == .open)
        #expect(test.node.directory.place(of: client("a")) == connection.session.place)
        #expect(test.presence(of: "a")?.state == .online)
        #expect(test.presence(of: "a")?.labels == ["k": "v"])
        #expect(test.shard.groups[group("g")]?.members.count == 1)
        #expect(test.shard.counters.forms[.raw] == 1)
        #expect(test.node.sessionCount.value == 1)
        try connection.drop()
    }

    /// A node that was frozen finds all at once: that a client did not say who it is in time, what it said, and that it has
    /// gone, perhaps to another node. Made its session now, it would push out the newer one.
    @Test(arguments: [true, false]) func whoHasGoneBeforeItWasHeardIsNotTakenIn(hasGone: Bool) throws {
        let test = TestNode()
        let connection = try TestConnection(test, "/ws?clientId=a&hello=1")
        connection.wire.leaveUnread("its hello")
        if hasGone { connection.wire.hangUp() }
        connection.session.timerDue(now: .max)
        test.loop.run()
        #expect(test.presence(of: "a")?.state == (hasGone ? nil : .online))
        try connection.drop()
    }

    @Test func aCutConnectionLeavesNothingBehind() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a&group=g")
        let place = connection.session.place
        try connection.drop()
        #expect(connection.session.phase == .closed)
        #expect(test.presence(of: "a")?.state == .suspect)
        #expect(closeCode("a", test) == 1006)
        #expect(test.node.directory.count == 0)
        #expect(test.shard.groups.isEmpty)
        #expect(test.shard.counters.sessions == 0)
        #expect(test.node.sessionCount.value == 0)
        #expect(test.shard.session(at: place) == nil)
    }

    @Test func anOrderlyCloseIsNoLoss() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a")
        try connection.receive(.connectionClose, [0x03, 0xE9] + Array("bye".utf8))
        #expect(test.presence(of: "a")?.state == .offline)
        #expect(closeCode("a", test) == 1001)
        #expect(test.presence(of: "a")?.closeReason == "bye")
        try connection.drop()
        #expect(test.presence(of: "a")?.state == .offline)
    }

    @Test func aSecondSessionReplacesTheFirst() throws {
        let test = TestNode()
        let older = try Connection(test, "/ws?clientId=a&group=g")
        let newer = try Connection(test, "/ws?clientId=a&group=g")
        #expect(older.session.phase == .closing)
        #expect(newer.session.phase == .open)
        #expect(test.node.directory.place(of: client("a")) == newer.session.place)
        #expect(test.shard.groups[group("g")]?.members.map(ObjectIdentifier.init) == [ObjectIdentifier(newer.session)])
        #expect(test.node.sessionCount.value == 1)
        try older.drop()
        #expect(test.presence(of: "a")?.state == .online)
        #expect(test.presence(of: "a")?.epoch == 2)
        #expect(test.node.directory.place(of: client("a")) == newer.session.place)
        try newer.drop()
    }

    @Test func anEvictionClosesOnlyTheOlderSession() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a")
        func evict(epoch: UInt64) {
            test.node.receive(
                .evict(
                    Eviction(
                        client: client("a"), session: SessionID(unchecked: "x"), epoch: epoch,
                        node: NodeID(unchecked: "n2"),
                        address: "192.0.2.1")))
            test.loop.run()
        }
        evict(epoch: connection.session.epoch)
        #expect(connection.session.phase == .open)
        evict(epoch: connection.session.epoch + 1)
        #expect(connection.session.phase == .closing)
        #expect(test.node.directory.count == 0)
        try connection.drop()
    }

    // MARK: Naming

    @Test func aFramedClientMayNameItselfByHello() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?label.k=v", isFramed: true)
        #expect(connection.session.phase == .unidentified)
        try connection.receive(.text, #"{"type":"hello","clientId":"a","labels":{"l":"w"}}"#)
        #expect(connection.session.phase == .open)
        #expect(test.presence(of: "a")?.labels == ["k": "v", "l": "w"])
        #expect(test.shard.counters.forms[.framed] == 1)
        try connection.drop()
    }

    @Test func whoSaysNothingGetsAName() throws {
        let test = TestNode()
        test.node.start()
        let connection = try Connection(test, "/ws", isFramed: true)
        test.loop.advanceTime(by: .milliseconds(900))
        #expect(connection.session.phase == .unidentified)
        test.loop.advanceTime(by: .milliseconds(400))
        #expect(connection.session.phase == .open)
        #expect(connection.session.record?.client.rawValue.hasPrefix("anon-") == true)
        try connection.drop()
        test.node.stop()
        test.loop.run()
    }

    // MARK: What breaks the rules

    @Test(
        arguments: [
            (WebSocketOpcode.text, "not json", true, 4006), (.text, "[]", true, 4006), (.binary, "{}", true, 4006),
            (.text, "{}", false, 1002), (.continuation, "x", true, 1002),
            (.text, String(repeating: " ", count: 101), true, 1009),
        ] as [(WebSocketOpcode, String, Bool, UInt16)])
    func aFramedClientIsClosedWithTheRightCode(opcode: WebSocketOpcode, text: String, isMasked: Bool, code: UInt16)
        throws
    {
        let test = TestNode { $0.inboundLimit = 100 }
        let connection = try Connection(test, "/ws?clientId=a", isFramed: true)
        try connection.receive(.text, #"{"type":"hello"}"#)
        try connection.receive(opcode, text, isMasked: isMasked)
        #expect(closeCode("a", test) == code)
        #expect(test.presence(of: "a")?.state == .offline)
        #expect(test.node.directory.count == 0)
        try connection.drop()
    }

    @Test(arguments: [
        #"{"type":"nonsense"}"#, #"{"type":"hello"}"#, #"{"type":"ack","offset":"1"}"#, #"{"type":"message","data":1}"#,
    ])
    func whatIsOnlyRefusedLeavesTheSessionOpen(text: String) throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a", isFramed: true)
        try connection.receive(.text, text)
        #expect(connection.session.phase == .open)
        try connection.drop()
    }

    @Test func tooManyMessagesCloseTheSession() throws {
        let test = TestNode {
            $0.messageRate = 1
            $0.messageBurst = 2
        }
        let connection = try Connection(test, "/ws?clientId=a")
        for _ in 0..<2 { try connection.receive(.text, "up") }
        #expect(connection.session.phase == .open)
        try connection.receive(.text, "up")
        #expect(closeCode("a", test) == 4102)
        #expect(test.shard.counters.messagesUp == 2)
        try connection.drop()
    }

    /// Whatever costs the node an answer is limited, whether it is a message or not.
    @Test(arguments: [
        ClientBytes.frame(.ping, []), ClientBytes.frame(.pong, []), ClientBytes.text(#"{"type":"nonsense"}"#),
        ClientBytes.text(#"{"type":"pong"}"#), ClientBytes.text(#"{"type":"join"}"#),
    ])
    func aFloodOfControlFramesClosesTheSession(frame: ByteBuffer) throws {
        let test = TestNode {
            $0.messageRate = 1
            $0.messageBurst = 20
        }
        let connection = try TestConnection.open(test, "a")
        for _ in 0..<20 { try connection.receive(frame) }
        #expect(connection.session.phase == .open)
        // At once, as a flood comes: what follows the limit is not answered.
        _ = try connection.wire.frames()
        var flood = ByteBuffer()
        for _ in 0..<100 { flood.writeImmutableBuffer(frame) }
        try connection.receive(flood)
        #expect(closeCode("a", test) == 4102)
        #expect(try connection.wire.frames().count < 50)
        try connection.drop()
    }

    @Test func pongsThatWereAskedForAreNoFlood() throws {
        let test = TestNode {
            $0.messageRate = 1
            $0.messageBurst = 1
        }
        let connection = try TestConnection.open(test, "a")
        for _ in 0..<50 {
            connection.session.pingedAt = 1
            try connection.receive(ClientBytes.frame(.pong, []))
        }
        #expect(connection.session.phase == .open)
        try connection.drop()
    }

    // MARK: Heartbeat

    @Test func aSilentClientIsLost() throws {
        let test = TestNode {
            $0.heartbeatInterval = 2
            $0.heartbeatTimeout = 1
        }
        test.node.start()
        let connection = try Connection(test, "/ws?clientId=a")
        test.loop.advanceTime(by: .milliseconds(2500))
        #expect(connection.session.phase == .open)
        test.loop.advanceTime(by: .milliseconds(1000))
        #expect(closeCode("a", test) == 4202)
        #expect(test.presence(of: "a")?.state == .suspect)
        // It does not answer the close frame either.
        test.loop.advanceTime(by: .milliseconds(5200))
        #expect(connection.session.phase == .closed)
        test.node.stop()
        test.loop.run()
    }

    @Test(arguments: [WebSocketOpcode.pong, .ping, .text])
    func anySignOfLifeKeepsTheSession(opcode: WebSocketOpcode) throws {
        let test = TestNode {
            $0.heartbeatInterval = 2
            $0.heartbeatTimeout = 1
        }
        test.node.start()
        let connection = try Connection(test, "/ws?clientId=a")
        for _ in 0..<60 {
            test.loop.advanceTime(by: .milliseconds(500))
            try connection.receive(opcode, "")
        }
        #expect(connection.session.phase == .open)
        try connection.drop()
        test.node.stop()
        test.loop.run()
    }

    // MARK: Groups

    @Test func aFramedClientJoinsAndLeaves() throws {
        let test = TestNode { $0.maximumGroups = 2 }
        test.node.start()
        let connection = try Connection(test, "/ws?clientId=a&group=x", isFramed: true)
        try connection.receive(.text, #"{"type":"join","group":"y"}"#)
        try connection.receive(.text, #"{"type":"join","group":"z"}"#)
        #expect(Set(test.shard.groups.keys) == [group("x"), group("y")])
        try connection.receive(.text, #"{"type":"leave","group":"x"}"#)
        #expect(Set(test.shard.groups.keys) == [group("y")])
        test.loop.advanceTime(by: .milliseconds(1100))
        #expect(test.presence(of: "a")?.groups == [group("y")])
        try connection.drop()
        test.node.stop()
        test.loop.run()
    }

    @Test func labelsMustAllMatch() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a&label.k=v&label.l=w")
        let session = connection.session
        #expect(session.carries(["k": "v"]) && session.carries(["k": "v", "l": "w"]))
        #expect(!session.carries(["k": "w"]) && !session.carries(["k": "v", "m": ""]) && !session.carries(["v": "k"]))
        try connection.drop()
    }

    @Test func anOrderOfTheAPIIsCarriedOut() throws {
        let test = TestNode()
        let connection = try Connection(test, "/ws?clientId=a")
        func order(_ action: Control.Action) {
            test.node.receive(
                .control(Control(id: "o", origin: NodeID(unchecked: "n1"), client: client("a"), action: action)))
            test.loop.run()
        }
        order(.join(group("g")))
        #expect(test.shard.groups[group("g")]?.members.count == 1)
        order(.leave(group("g")))
        #expect(test.shard.groups.isEmpty)
        order(.close(code: 4004, reason: "enough"))
        #expect(closeCode("a", test) == 4004)
        #expect(test.presence(of: "a")?.closeReason == "enough")
        try connection.drop()
    }
}

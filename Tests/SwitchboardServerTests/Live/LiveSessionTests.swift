import NIOCore
import NIOEmbedded
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

/// An operator's socket without a network: what it answers, and when it ends.
@Suite struct LiveSessionTests {
    private let test = TestNode()

    /// What the node has sent since this was last asked.
    private func sent(_ channel: EmbeddedChannel) throws -> [MessageEvent] {
        test.loop.run()
        var reader = MessageReader(side: .client, maximumMessageBytes: 0)
        var events: [MessageEvent] = []
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
            reader.feed(bytes)
            while let event = reader.next() { events.append(event) }
        }
        return events
    }

    private func connect(_ caller: LiveCaller? = LiveCaller()) throws -> (EmbeddedChannel, LiveSession) {
        let channel = EmbeddedChannel(loop: test.loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let session = LiveSession(node: test.node, loop: test.loop, address: "127.0.0.1", caller: caller)
        try channel.pipeline.syncOperations.addHandler(session)
        return (channel, session)
    }

    private func type(_ event: MessageEvent) -> String? {
        guard case .text(let text) = event else { return nil }
        return try? LiveFrame(text).type
    }

    @Test func whoNeedsNoKeyIsGreeted() throws {
        let (channel, session) = try connect()
        #expect(try sent(channel).map(type) == ["hello"])
        #expect(session.mayOperateTerminals)
        try channel.writeInbound(ClientBytes.text(#"{"type":"dance"}"#))
        #expect(try sent(channel).map(type) == ["error"])
        _ = try channel.finish()
    }

    @Test func aPageIsGivenASignOfLife() throws {
        let (channel, _) = try connect()
        _ = try sent(channel)
        try channel.writeInbound(ClientBytes.text(#"{"type":"ping"}"#))
        #expect(try sent(channel) == [.text(ByteBuffer(string: #"{"type":"pong"}"#))])
        _ = try channel.finish()
    }

    @Test func withoutAKeyNothingIsSentAndTimeEnds() throws {
        let (channel, session) = try connect(nil)
        #expect(session.principal == nil && !session.mayOperateTerminals)
        session.send(ByteBuffer(string: "{}"))
        #expect(try sent(channel).isEmpty)
        test.loop.advanceTime(by: .seconds(9))
        #expect(try sent(channel).isEmpty)
        test.loop.advanceTime(by: .seconds(2))
        guard case .close(.unauthenticated, _) = try sent(channel).first else {
            Issue.record("it is open still")
            return
        }
        // The peer says nothing any more.
        test.loop.advanceTime(by: .seconds(6))
        #expect(!channel.isActive)
    }

    @Test func whatIsNoFrameCloses() throws {
        let (channel, session) = try connect()
        _ = try sent(channel)
        var ended = 0
        session.onClose { ended += 1 }
        try channel.writeInbound(ClientBytes.text("nonsense"))
        #expect(ended == 1)
        guard case .close(.malformedMessage, _) = try sent(channel).first else {
            Issue.record("it is open still")
            return
        }
        session.onClose { ended += 1 }
        #expect(ended == 2, "at once when it has ended")
        try channel.writeInbound(ClientBytes.frame(.connectionClose, [0x0F, 0xA6]))
        #expect(!channel.isActive)
        #expect(ended == 2)
    }

    @Test func placesAreLimitedAndGivenBack() throws {
        var connections = try (0..<LiveSockets.limit).map { _ in try connect() }
        #expect(!test.node.live.hasRoom(for: .known))
        let (late, _) = try connect()
        guard case .close(.overloaded, _) = try sent(late).first else {
            Issue.record("there was room")
            return
        }
        #expect(test.node.live.hasRoom(for: .stranger("203.0.113.7")), "strangers are counted apart")
        _ = try connections.removeLast().0.finish()
        #expect(test.node.live.hasRoom(for: .known))
        for (channel, _) in connections { _ = try channel.finish() }
    }

    @Test func anAddressHasFewPlacesForStrangers() {
        let sockets = LiveSockets()
        let (one, other) = (LiveSockets.Place.stranger("203.0.113.7"), LiveSockets.Place.stranger("203.0.113.8"))
        #expect((0..<LiveSockets.maximumStrangersOfAddress).allSatisfy { _ in sockets.take(one) })
        #expect(!sockets.take(one) && !sockets.hasRoom(for: one))
        #expect(sockets.take(other) && sockets.take(.known))
        sockets.giveBack(one)
        #expect(sockets.take(one))
    }

    @Test func whoIsSilentIsClosed() throws {
        let (channel, _) = try connect()
        _ = try sent(channel)
        test.loop.advanceTime(by: .seconds(26))
        #expect(try sent(channel) == [.ping(ByteBuffer())])
        try channel.writeInbound(ClientBytes.frame(.pong, []))
        test.loop.advanceTime(by: .seconds(26))
        #expect(try sent(channel) == [.ping(ByteBuffer())])
        test.loop.advanceTime(by: .seconds(11))
        guard case .close(.noPong, _) = try sent(channel).first else {
            Issue.record("it is open still")
            return
        }
    }
}

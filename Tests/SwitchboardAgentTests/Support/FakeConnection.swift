import NIOCore
import NIOHTTP1
import NIOWebSocket
import SwitchboardProtocol
import Testing

/// One WebSocket of the fake node.
struct FakeConnection: Sendable {
    let channel: any Channel
    let request: HTTPRequestHead
    let frames = Inbox<WebSocketFrame>()

    /// Waits for the client's hello and answers it.
    ///
    /// - Parameters:
    ///   - heartbeat: Interval and timeout in seconds.
    ///   - reconnect: The bounds of the back-off in seconds.
    ///   - channels: Where the histories stand that the client asks for.
    /// - Returns: What the client said.
    @discardableResult
    func hello(
        heartbeat: (Double, Double) = (25, 10), reconnect: (Double, Double) = (0.05, 0.1),
        channels: [String: ServerFrame.Hello.Channel] = [:]
    ) async throws -> ClientFrame.Hello {
        guard case .hello(let hello) = try await next() else { throw NoHello() }
        try await send(
            .hello(
                ServerFrame.Hello(
                    client: ClientID(unchecked: "kiosk-7"), session: SessionID(unchecked: "S1"), epoch: 3,
                    node: NodeID(unchecked: "n1"), heartbeatInterval: heartbeat.0, heartbeatTimeout: heartbeat.1,
                    reconnectMinimum: reconnect.0, reconnectMaximum: reconnect.1, channels: channels)))
        return hello
    }

    private struct NoHello: Error {}

    func send(_ frame: ServerFrame) async throws {
        var text = ByteBuffer()
        frame.write(into: &text)
        try await send(.text, text)
    }

    /// Hands a frame to the socket without waiting until it has taken it.
    func write(_ frame: ServerFrame) -> EventLoopFuture<Void> {
        var text = ByteBuffer()
        frame.write(into: &text)
        return channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: text))
    }

    func push(
        _ id: String, _ data: String = "1", channel: String = "client", offset: String? = nil, wantsAck: Bool = false
    ) async throws {
        try await send(
            .push(
                ServerFrame.Push(id: id, channel: channel, payload: .json(data), offset: offset, wantsAck: wantsAck)))
    }

    func command(_ id: String, _ name: String = "restart", _ data: String = "{}", timeout: Double = 30) async throws {
        try await send(.command(ServerFrame.Command(id: id, name: name, payload: .json(data), timeout: timeout)))
    }

    func send(
        _ opcode: WebSocketOpcode, _ bytes: ByteBuffer, fin: Bool = true, mask: WebSocketMaskingKey? = nil
    ) async throws {
        try await channel.writeAndFlush(WebSocketFrame(fin: fin, opcode: opcode, maskKey: mask, data: bytes))
    }

    /// Bytes below the frame encoder.
    func sendRaw(_ bytes: [UInt8]) async throws {
        try await channel.eventLoop.submit {
            let context = try channel.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
            return context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)))
        }.flatMap { $0 }.get()
    }

    func close(_ code: UInt16, _ reason: String = "") async throws {
        var body = ByteBuffer(integer: code)
        body.writeString(reason)
        try await send(.connectionClose, body)
    }

    /// The next text frame of the client that is no health report.
    func next() async throws -> ClientFrame {
        while true {
            let frame = try await frames.next()
            guard frame.opcode == .text else { continue }
            #expect(frame.maskKey != nil)
            let message = try ClientFrame(parsing: frame.unmaskedData)
            if case .health = message { continue }
            return message
        }
    }

    /// The close frame of the client: its code and reason.
    func nextClose() async throws -> (code: UInt16?, reason: String) {
        while true {
            let frame = try await frames.next()
            guard frame.opcode == .connectionClose else { continue }
            var body = frame.unmaskedData
            let code = body.readInteger(as: UInt16.self)
            return (code, String(buffer: body))
        }
    }

    /// Waits until the client has closed with this code, answers, and ends the TCP connection, as a server does. The client
    /// may have ended it already.
    func expectClose(_ code: UInt16, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let close = try await nextClose()
        #expect(close.code == code, "\(close.reason)", sourceLocation: sourceLocation)
        try? await self.close(code)
        try? await channel.close()
    }

    /// Ends the TCP connection without a close frame.
    func cut() async throws {
        try await channel.close()
    }
}

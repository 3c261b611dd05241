import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import SwitchboardAgent
import SwitchboardProtocol
import SwitchboardWebSocket

/// A connection to a node's `/v1/live`.
struct OperatorSocket: Sendable {
    enum Event: Sendable {
        /// A frame of the node.
        case frame(JSONDocument)
        /// The connection has ended; `isFinal` when another one would end the same way.
        case ended(reason: String, isFinal: Bool)
    }

    let channel: any Channel

    /// - Parameter report: Called on the event loop.
    /// - Throws: ``Failure``, with the status when the node refuses.
    static func open(_ api: APIClient, report: @escaping @Sendable (Event) -> Void) async throws -> OperatorSocket {
        var configuration = AgentConfiguration(url: api.base + "/v1/live")
        if let ca = api.ca { configuration.trustCertificates(atPath: ca) }
        let connector = try Connector(configuration, subprotocol: ConnectionMode.operatorSubprotocol)
        let opened = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: (any Channel).self)
        do {
            let outcome = try await connector.connect(
                on: opened.futureResult.eventLoop, target: connector.endpoint.path, headers: api.headers,
                willConnect: { channel in
                    channel.closeFuture.whenComplete { _ in opened.fail(ChannelError.eof) }
                },
                makeHandler: { _ in OperatorSocketHandler(opened: opened, report: report) })
            if case .refused(let refusal) = outcome {
                let answer = try await refusal.get()
                throw Failure("\(answer)", status: answer.status)
            }
            return OperatorSocket(channel: try await opened.futureResult.get())
        } catch let failure as Failure {
            opened.fail(ChannelError.eof)
            throw failure
        } catch {
            opened.fail(ChannelError.eof)
            throw Failure(
                "cannot connect to \(api.name): \(AttemptReason.text(of: error, endpoint: connector.endpoint))")
        }
    }

    func send(_ order: TerminalOrder, to client: ClientID) {
        let text = order.frame(for: client)
        let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: text)
        channel.writeAndFlush(frame, promise: nil)
    }

    func close() async {
        var code = ByteBuffer()
        code.write(webSocketErrorCode: .normalClosure)
        let frame = WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: code)
        try? await channel.writeAndFlush(frame)
        try? await channel.close()
    }
}

extension TerminalOrder {
    /// The frame of an operator, which names the client.
    fileprivate func frame(for client: ClientID) -> ByteBuffer {
        var text = ByteBuffer()
        write(into: &text)
        // Its last byte closes the object.
        text.moveWriterIndex(to: text.writerIndex - 1)
        text.writeString(",\"client\":")
        text.writeJSONString(client.rawValue)
        text.writeStaticString("}")
        return text
    }
}

/// Reads what a node sends, and keeps an eye on the connection: a way that is broken in silence is noticed by pings of ours.
final class OperatorSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    private static let pingEvery = TimeAmount.seconds(4)
    private static let patience = TimeAmount.seconds(12)
    private static let maximumMessageBytes = 4 << 20

    private let opened: EventLoopPromise<any Channel>
    private let report: @Sendable (OperatorSocket.Event) -> Void
    private var reader = MessageReader(side: .client, maximumMessageBytes: OperatorSocketHandler.maximumMessageBytes)
    private var heardAt = NIODeadline.now()
    private var pinging: RepeatedTask?
    private var hasEnded = false

    init(opened: EventLoopPromise<any Channel>, report: @escaping @Sendable (OperatorSocket.Event) -> Void) {
        self.opened = opened
        self.report = report
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let box = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        pinging = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.pingEvery, delay: Self.pingEvery) { _ in
            let (handler, context) = box.value
            handler.ping(context)
        }
        opened.succeed(context.channel)
    }

    private func ping(_ context: ChannelHandlerContext) {
        guard NIODeadline.now() - heardAt < Self.patience else {
            end("the node does not answer", isFinal: false)
            return context.close(promise: nil)
        }
        send(.ping, ByteBuffer(), context)
    }

    private func send(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: bytes)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heardAt = .now()
        reader.feed(unwrapInboundIn(data))
        while !hasEnded, let event = reader.next() {
            switch event {
            case .text(let text):
                guard let document = try? JSONDocument(text) else {
                    end("the node's frame is not understood", isFinal: true)
                    return context.close(promise: nil)
                }
                report(.frame(document))
            case .ping(let bytes): send(.pong, bytes, context)
            case .close(let code, let reason):
                end("\(code.rawValue) \(reason)", isFinal: code.advice == .stop)
                context.close(promise: nil)
            case .violation(_, let reason):
                end("what came is no WebSocket: \(reason)", isFinal: true)
                context.close(promise: nil)
            case .incomplete, .binary, .pong: break
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end("the connection was lost", isFinal: false)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end("the connection was lost", isFinal: false) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end("the connection was lost: \(error)", isFinal: false)
        context.close(promise: nil)
    }

    private func end(_ reason: String, isFinal: Bool) {
        guard !hasEnded else { return }
        hasEnded = true
        pinging?.cancel()
        report(.ended(reason: reason, isFinal: isFinal))
    }
}

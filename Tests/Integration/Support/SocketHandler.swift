import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns the frames of one connection into events, and answers what a client has to answer.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let options: SocketClient.Options
    private let isFramed: Bool
    private let events: Inbox<SocketClient.Event>

    init(options: SocketClient.Options, isFramed: Bool, events: Inbox<SocketClient.Event>) {
        self.options = options
        self.isFramed = isFramed
        self.events = events
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            if let onMessage = options.onMessage { return onMessage(frame.data) }
            let text = String(buffer: frame.data)
            // What a framed client gets from the heartbeat; every other frame is for the test.
            if isFramed, text == #"{"type":"ping"}"# {
                return pinged(context, .text, ByteBuffer(string: #"{"type":"pong"}"#))
            }
            events.put(.text(text))
        case .binary:
            if let onMessage = options.onMessage { return onMessage(frame.data) }
            events.put(.binary(frame.data))
        case .ping: pinged(context, .pong, frame.data)
        case .pong: if options.seesPongs { events.put(.pong(frame.data)) }
        case .connectionClose:
            var data = frame.data
            let code = data.readInteger(as: UInt16.self).map(Int.init)
            events.put(.close(SocketClient.Closing(code: code, reason: String(buffer: data))))
            if options.isAlive { answer(context, .connectionClose, frame.data) }
        default: break
        }
    }

    private func pinged(_ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ bytes: ByteBuffer) {
        if options.seesPings { events.put(.ping) }
        if options.isAlive { answer(context, opcode, bytes) }
    }

    private func answer(_ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ bytes: ByteBuffer) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: bytes)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        events.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Gathers the one answer of a server that does not upgrade.
final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let completion: (Result<API.Answer, any Error>) -> Void
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    init(completion: @escaping (Result<API.Answer, any Error>) -> Void) { self.completion = completion }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(var bytes): body.writeBuffer(&bytes)
        case .end:
            guard let head else { return }
            completion(.success(API.Answer(status: Int(head.status.code), headers: head.headers, body: body)))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // After a whole answer the promise has its value, and this is nothing to it.
        completion(.failure(ChannelError.eof))
        context.fireChannelInactive()
    }
}

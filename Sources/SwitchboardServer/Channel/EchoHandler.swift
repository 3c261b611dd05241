import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// `/ws/echo`: sends every message back as it came, over the same frame and close code as sessions.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    private var assembler: MessageAssembler
    private var isClosing = false

    init(maximumMessageBytes: Int) {
        assembler = MessageAssembler(side: .server, maximumMessageBytes: maximumMessageBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch assembler.feed(unwrapInboundIn(data)) {
        case .incomplete, .pong: break
        case .text(let bytes): reply(FrameBuilder.message(.text, bytes), context)
        case .binary(let bytes): reply(FrameBuilder.message(.binary, bytes), context)
        case .ping(let bytes): reply(FrameBuilder.message(.pong, bytes), context)
        case .close(let code, let reason): close(code, reason, context)
        case .violation(let code, let reason): close(code, reason, context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Who does not read its echoes is not read from either.
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is NIOWebSocketError else { return context.close(promise: nil) }
        close(CloseCode(decoderError: error), "a frame that cannot be read", context)
    }

    private func reply(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func close(_ code: CloseCode, _ reason: String, _ context: ChannelHandlerContext) {
        isClosing = true
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(FrameBuilder.close(code, reason: reason)), promise: promise)
        promise.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }
}

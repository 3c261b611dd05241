import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// `/ws/echo`: sends every message back as it came, over the same frame, compression and close code as sessions.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private unowned let shard: Shard
    private let window: DeflateWindow?
    private var reader: MessageReader

    /// Seconds for which what a client still sends is passed over.
    private static let closeTimeout: Int64 = 5

    init(shard: Shard, compression: DeflatePolicy.Answer?) {
        self.shard = shard
        window = compression?.window
        reader = MessageReader(
            side: .server, maximumMessageBytes: shard.node.configuration.inboundLimit,
            agreement: compression?.agreement, pool: shard.inflaters)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.feed(unwrapInboundIn(data))
        while let event = reader.next() { answer(event, context) }
        context.flush()
    }

    private func answer(_ event: MessageEvent, _ context: ChannelHandlerContext) {
        switch event {
        case .incomplete, .pong: break
        case .text(let bytes): write(shard.compressor.frame(.text, bytes, for: window), context)
        case .binary(let bytes): write(shard.compressor.frame(.binary, bytes, for: window), context)
        case .ping(let bytes): write(FrameBuilder.message(.pong, bytes), context)
        case .close(let code, let reason): close(code, reason, context, mode: .all)
        case .violation(let code, let reason):
            // Closing with unread input would reset the connection and take our close frame with it.
            close(code, reason, context, mode: .output)
            context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Self.closeTimeout)) {
                context.close(promise: nil)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Who does not read its echoes is not read from either.
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func write(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    private func close(_ code: CloseCode, _ reason: String, _ context: ChannelHandlerContext, mode: CloseMode) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(FrameBuilder.close(code, reason: reason)), promise: promise)
        promise.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: nil) }
    }
}

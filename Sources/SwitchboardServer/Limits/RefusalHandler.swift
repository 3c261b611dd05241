import NIOCore

/// The only handler of a connection for which there is no room: answers before anything is asked, and closes.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: ByteBuffer

    init(answer: ByteBuffer) { self.answer = answer }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { end(context) }
    }

    func channelActive(context: ChannelHandlerContext) { end(context) }

    private func end(_ context: ChannelHandlerContext) {
        if answer.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(answer), promise: nil) }
        context.close(promise: nil)
    }

    /// Nothing that was sent matters.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}

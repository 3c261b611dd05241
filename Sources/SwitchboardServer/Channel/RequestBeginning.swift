import NIOCore

/// Directly before the HTTP codec, which says nothing of a head that is not whole: tells that one has begun.
final class RequestBeginning: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private unowned let guardHandler: HTTPGuardHandler

    init(_ guardHandler: HTTPGuardHandler) { self.guardHandler = guardHandler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guardHandler.bytesCame()
        context.fireChannelRead(data)
    }
}

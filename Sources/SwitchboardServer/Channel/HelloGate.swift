import NIOCore

/// In front of the frame decoder of a client that has shown no token yet: so many bytes have to do until its `hello` has been
/// taken, whatever they are.
final class HelloGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// More has come than a `hello` has; nothing of what follows is handed on.
    struct Overrun {}

    /// A token, and as much again for offsets and labels.
    static let limit = 2 * TokenText.maximumLength

    private var received = 0
    private var isOpen = false
    private var isShut = false

    func handlerRemoved(context: ChannelHandlerContext) { isOpen = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isShut else { return }
        received += unwrapInboundIn(data).readableBytes
        // Counted afterwards: behind a `hello` the client's next messages may have come in the same piece.
        context.fireChannelRead(data)
        guard !isOpen, received > Self.limit else { return }
        isShut = true
        context.fireUserInboundEventTriggered(Overrun())
    }
}

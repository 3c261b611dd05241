import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Reads the HTTP answer that refused the upgrade, and ends the connection.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    /// A problem document is small; more is not read.
    private static let bodyLimit = 8192

    private let promise: EventLoopPromise<Refusal>
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    init(promise: EventLoopPromise<Refusal>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(var part):
            body.writeBuffer(&part)
            if body.readableBytes > Self.bodyLimit { finish(context) }
        case .end: finish(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(context)
    }

    private func finish(_ context: ChannelHandlerContext) {
        if let head {
            promise.succeed(Refusal(head: head, body: body, now: Date().timeIntervalSince1970))
        } else {
            promise.fail(ChannelError.eof)
        }
        context.close(promise: nil)
    }
}

import NIOCore

/// The first handler of every connection. It answers push requests itself, straight from the bytes, since an HTTP framework
/// costs several times what the push does; the first request that is anything else turns the connection over to the HTTP
/// codec, the upgrade and the framework, for good.
final class PushFrontHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Unanswered bytes beyond which the connection is not read from.
    private static let readAhead = 64 * 1024

    private let node: Node
    private let endpoint: PushEndpoint
    private let parser: PushRequestParser
    private let negotiated: EventLoopPromise<NegotiatedConnection>
    private let installHTTP: (any Channel) throws -> EventLoopFuture<NegotiatedConnection>
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var needed = 0
    private var isBusy = false
    private var isReadingPaused = false
    /// No more requests are taken: the client has closed its side, or the node stops.
    private var isEnding = false
    private var hasHandedOver = false
    private var lastUsed = NIODeadline.now()
    private var isUsed = false
    private var deadline: Scheduled<Void>?

    init(
        node: Node, negotiated: EventLoopPromise<NegotiatedConnection>,
        installHTTP: @escaping (any Channel) throws -> EventLoopFuture<NegotiatedConnection>
    ) {
        self.node = node
        self.endpoint = PushEndpoint(node: node)
        self.parser = PushRequestParser(bodyLimit: node.configuration.bodyLimit)
        self.negotiated = negotiated
        self.installHTTP = installHTTP
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        arm(.seconds(ConnectionChannel.handshakeTimeout), context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        guard !hasHandedOver else { return }
        deadline?.cancel()
        negotiated.fail(ChannelError.alreadyClosed)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isEnding = true
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed {
            isEnding = true
            if !isBusy { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func arm(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            guard let context = self.context else { return }
            let idle = TimeAmount.seconds(ConnectionChannel.idleTimeout)
            let left = idle - (NIODeadline.now() - lastUsed)
            guard isUsed, isBusy || left > .zero else { return context.close(promise: nil) }
            arm(max(left, .seconds(1)), context)
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        goOn(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        goOn(context)
        context.fireChannelWritabilityChanged()
    }

    /// Takes the next request, when there is one and its answer will be read.
    private func goOn(_ context: ChannelHandlerContext) {
        while !isBusy, !isEnding, received.readableBytes > 0, received.readableBytes >= needed, context.channel.isWritable {
            switch parser.parse(received) {
            case .incomplete(let needed):
                self.needed = needed
                return
            case .other: return handOver(context)
            case .request(let request):
                needed = 0
                received.moveReaderIndex(forwardBy: request.length)
                answer(request, context)
            }
        }
        if isBusy, !isReadingPaused, received.readableBytes > Self.readAhead { pauseReading(true, context) }
    }

    private func answer(_ request: PushRequestParser.Request, _ context: ChannelHandlerContext) {
        isBusy = true
        isUsed = true
        let loop = context.eventLoop
        let box = NIOLoopBound(self, eventLoop: loop)
        endpoint.handle(request.push) { answer in
            if loop.inEventLoop { return box.value.respond(answer, to: request) }
            loop.execute { box.value.respond(answer, to: request) }
        }
    }

    private func respond(_ answer: PushEndpoint.Answer, to request: PushRequestParser.Request) {
        guard let context else { return }
        isBusy = false
        lastUsed = .now()
        let isLast = request.isLast || isEnding
        let response = PushResponse.bytes(
            answer, requestID: request.requestID, date: node.shard(of: context.eventLoop).date, isLast: isLast)
        context.writeAndFlush(wrapOutboundOut(response), promise: nil)
        if isLast {
            isEnding = true
            return context.close(promise: nil)
        }
        if isReadingPaused { pauseReading(false, context) }
        goOn(context)
    }

    private func pauseReading(_ isPaused: Bool, _ context: ChannelHandlerContext) {
        isReadingPaused = isPaused
        context.channel.setOption(.autoRead, value: !isPaused).whenFailure { _ in }
    }

    /// Something else than a push: from here on the connection belongs to the HTTP codec.
    private func handOver(_ context: ChannelHandlerContext) {
        hasHandedOver = true
        do {
            let future = try installHTTP(context.channel)
            let deadline = self.deadline
            future.whenComplete { _ in deadline?.cancel() }
            future.cascade(to: negotiated)
        } catch {
            negotiated.fail(error)
            return context.close(promise: nil)
        }
        let bytes = received
        received = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

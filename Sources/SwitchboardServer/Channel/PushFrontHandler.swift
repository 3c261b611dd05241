import DequeModule
import NIOCore

/// The first handler of every connection. It answers push requests itself, straight from the bytes, since an HTTP framework
/// costs several times what the push does; the first request that is anything else turns the connection over to the HTTP
/// codec, the upgrade and the framework, for good.
///
/// Pipelined requests (RFC 9112 section 9.3.2) are taken together, so that their pushes leave together, and are answered in
/// their order.
final class PushFrontHandler: ChannelInboundHandler, RemovableChannelHandler, IdleOccupant {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Unanswered bytes beyond which the connection is not read from.
    private static let readAhead = 64 * 1024
    /// Requests of one connection that may be under way at once.
    private static let maximumInFlight = 128

    private let node: Node
    private let shard: Shard
    private let endpoint: PushEndpoint
    private let parser: PushRequestParser
    private let installHTTP: (any Channel, Bool) throws -> Void
    private var admission: PushAdmission
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var needed = 0
    /// The answers in the order of their requests; nil where one is still awaited.
    private var answers: Deque<ByteBuffer?> = []
    /// The number of the request that `answers` begins with.
    private var firstAnswer = 0
    private var isFlushScheduled = false
    private var isTaking = false
    private var isReadingPaused = false
    /// No more requests are taken: the client has closed its side, or the node stops.
    private var isEnding = false
    private var lastUsed = NIODeadline.now()
    private var isUsed = false
    /// When the request began that is not whole yet; the first one of a connection begins with it.
    private var began: NIODeadline?
    private var deadline: Scheduled<Void>?
    /// The time of the request is up, and what may have come by now is awaited.
    private var isOverdue = false
    private var stall = StallGuard()

    /// - Parameters:
    ///   - shard: That of the connection's event loop.
    ///   - installHTTP: Puts the handlers that follow; told whether the first request is for a WebSocket.
    init(
        node: Node, shard: Shard, installHTTP: @escaping (any Channel, Bool) throws -> Void
    ) {
        self.node = node
        self.shard = shard
        self.endpoint = PushEndpoint(node: node)
        self.admission = PushAdmission(node.authenticator)
        self.parser = PushRequestParser(bodyLimit: node.configuration.bodyLimit)
        self.installHTTP = installHTTP
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        shard.connections[ObjectIdentifier(context.channel)]?.occupant = self
        expectRest(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        deadline?.cancel()
        stall.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isEnding = true
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // What the kernel has is answered first; the answer of a node that drains is the last on its connection anyway.
        if event is ChannelShouldQuiesceEvent, answers.isEmpty, !isEnding, context.hasUnread {
            return context.afterUnread { [self] in if answers.isEmpty { self.context?.close(promise: nil) } }
        }
        if event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed {
            isEnding = true
            if answers.isEmpty { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// A request has begun that has to be whole in time.
    private func expectRest(_ context: ChannelHandlerContext) {
        guard began == nil else { return }
        began = .now()
        isOverdue = false
        arm(TimeAmount(seconds: node.configuration.headTimeout), context)
    }

    private func arm(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in due() }
    }

    private func due() {
        guard let context, !isEnding else { return }
        // Who waits for an answer need not go on sending.
        guard answers.isEmpty else { return arm(.seconds(1), context) }
        guard let began, received.readableBytes > 0 || !isUsed else {
            let left = TimeAmount.seconds(ConnectionSetup.idleTimeout) - (NIODeadline.now() - lastUsed)
            return left > .zero ? arm(left, context) : context.close(promise: nil)
        }
        let isHeadWhole = received.withUnsafeReadableBytes { RequestHead.end(in: $0) != nil }
        let limit = isHeadWhole ? node.configuration.bodyTimeout : node.configuration.headTimeout
        let left = TimeAmount(seconds: limit) - (NIODeadline.now() - began)
        guard left <= .zero else { return arm(left, context) }
        // A loop that was held up has not read yet what came in time.
        guard isOverdue else {
            isOverdue = true
            return arm(ConnectionSetup.grace, context)
        }
        isEnding = true
        let problem = Problem.requestTimeout(isHeadWhole ? "the body" : "the head")
        node.metrics.answered(with: problem)
        // Who has said nothing at all did not ask for an answer.
        if received.readableBytes > 0 {
            let answer = PushResponse.bytes(
                .failure(problem), requestID: shard.newRequestID(), date: shard.date, isLast: true)
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
        context.close(promise: nil)
    }

    /// See ``PlainConnection``.
    var idleSince: NIODeadline? { isUsed && answers.isEmpty && received.readableBytes == 0 ? lastUsed : nil }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        goOn(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let metrics = node.metrics
        stall.changed(context.channel, seconds: node.configuration.answerTimeout) { metrics.reached(.answerTime) }
        goOn(context)
        context.fireChannelWritabilityChanged()
    }

    /// Takes the requests that are there, as long as their answers will be read.
    private func goOn(_ context: ChannelHandlerContext) {
        // An answer that is there at once comes by here, for as many requests as one read holds: the loop goes on by itself, and
        // no stack runs over.
        guard !isTaking else { return }
        isTaking = true
        defer { isTaking = false }
        while !isEnding, received.readableBytes > 0, received.readableBytes >= needed,
            answers.count < Self.maximumInFlight, context.channel.isWritable
        {
            switch parser.parse(received) {
            case .incomplete(let needed):
                self.needed = needed
                expectRest(context)
                return pauseReading(false, context)
            case .head(let head, let needed):
                // Who may not push need not send the rest: the framework answers without reading it.
                if case .refused = caller(head) { return handOverWhenAnswered(context) }
                self.needed = needed
                expectRest(context)
                return pauseReading(false, context)
            case .other:
                return handOverWhenAnswered(context)
            case .undecided:
                expectRest(context)
                return pauseReading(false, context)
            case .request(let request):
                needed = 0
                began = nil
                let caller = caller(request.head)
                received.moveReaderIndex(forwardBy: request.length)
                answer(request, caller, context)
            }
        }
        // A body that is not whole yet must go on coming; what waits for answers need not.
        let waits = !answers.isEmpty || !context.channel.isWritable
        pauseReading(waits && received.readableBytes > Self.readAhead, context)
    }

    /// Who sends the request that `received` begins with.
    private func caller(_ head: PushRequestParser.Head) -> PushAdmission.Answer {
        received.withUnsafeReadableBytes { admission.caller(head.authorization, in: $0, for: head.route) }
    }

    private func answer(
        _ request: PushRequestParser.Request, _ caller: PushAdmission.Answer, _ context: ChannelHandlerContext
    ) {
        let number = firstAnswer + answers.count
        answers.append(nil)
        isUsed = true
        // Whoever keeps a connection to a node that is about to stop is to look for another one.
        let isLast = request.isLast || node.isDraining && received.readableBytes == 0
        if isLast { isEnding = true }
        let loop = context.eventLoop
        let box = NIOLoopBound(self, eventLoop: loop)
        let requestID = request.requestID
        let respond: @Sendable (PushEndpoint.Answer) -> Void = { answer in
            if loop.inEventLoop { return box.value.respond(answer, to: number, requestID, isLast) }
            loop.execute { box.value.respond(answer, to: number, requestID, isLast) }
        }
        switch caller {
        case .known(let principal): endpoint.handle(request.push, of: principal, completion: respond)
        case .refused(let refusal): respond(.failure(node.refuse(refusal, .backend)))
        case .waits(let settle):
            Task { [endpoint, node] in
                do throws(Refusal) {
                    endpoint.handle(request.push, of: try await settle(), completion: respond)
                } catch { respond(.failure(node.refuse(error, .backend))) }
            }
        }
    }

    private func respond(_ answer: PushEndpoint.Answer, to number: Int, _ requestID: String?, _ isLast: Bool) {
        guard let context else { return }
        if case .failure(let problem) = answer { node.metrics.answered(with: problem) }
        answers[number - firstAnswer] = PushResponse.bytes(
            answer, requestID: requestID ?? shard.newRequestID(), date: shard.date, isLast: isLast)
        while let first = answers.first, let bytes = first {
            answers.removeFirst()
            firstAnswer += 1
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
        if answers.isEmpty { finish(context) } else { scheduleFlush(context) }
    }

    /// Every request that was taken is answered.
    private func finish(_ context: ChannelHandlerContext) {
        lastUsed = .now()
        context.flush()
        if isEnding { return context.close(promise: nil) }
        goOn(context)
    }

    /// Answers that become ready in the same turn of the loop leave together.
    private func scheduleFlush(_ context: ChannelHandlerContext) {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isFlushScheduled = false
            self.context?.flush()
        }
    }

    /// The framework must not overtake what is answered here; what comes meanwhile waits, no more of it than ``readAhead``.
    private func handOverWhenAnswered(_ context: ChannelHandlerContext) {
        guard answers.isEmpty else { return pauseReading(received.readableBytes > Self.readAhead, context) }
        pauseReading(false, context)
        handOver(context)
    }

    private func pauseReading(_ isPaused: Bool, _ context: ChannelHandlerContext) {
        guard isPaused != isReadingPaused else { return }
        isReadingPaused = isPaused
        context.channel.setOption(.autoRead, value: !isPaused).whenFailure { _ in }
    }

    /// Something else than a push: from here on the connection belongs to the HTTP codec.
    private func handOver(_ context: ChannelHandlerContext) {
        do {
            try installHTTP(context.channel, parser.isSocketRequest(received))
        } catch {
            return context.close(promise: nil)
        }
        let bytes = received
        received = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        // These bytes may have waited since an earlier read, whose end the handlers behind have not heard of.
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

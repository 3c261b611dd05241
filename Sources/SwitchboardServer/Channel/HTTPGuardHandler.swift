import NIOCore
import NIOHTTP1

/// What HTTP/1.1 asks of requests beyond what the codec checks and the framework obeys; directly behind the codec.
///
/// It refuses what cannot be parsed and what names no host, and gives every request that is the last on its connection the
/// one spelling of `Connection: close` that the framework knows.
final class HTTPGuardHandler: ChannelDuplexHandler, RemovableChannelHandler, IdleOccupant {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let node: Node
    private let awaitsRequest: Bool
    private var context: ChannelHandlerContext?
    /// Requests whose responses have not ended. An answer of our own may only be written when there are none.
    private var outstanding = 0
    private var isEnding = false
    /// The newest request is the last on its connection.
    private var isAtLast = false
    /// Nothing behind this handler watches the time before the first request, nor how long a body takes.
    private var deadline: Scheduled<Void>?
    /// While the body of a request is not whole.
    private var body: BodyClock?
    /// The body is lines, each of which is worth something.
    private var isStream = false
    private var stall = StallGuard()
    /// When the newest response ended; nil before the first.
    private var lastUsed: NIODeadline?

    /// - Parameter awaitsRequest: The first request is not whole yet; it has to come in time.
    init(node: Node, awaitsRequest: Bool) {
        self.node = node
        self.awaitsRequest = awaitsRequest
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        node.shard(of: context.eventLoop).connections[ObjectIdentifier(context.channel)]?.occupant = self
        if awaitsRequest { awaitHead(context) }
    }

    private func awaitHead(_ context: ChannelHandlerContext) {
        let time = TimeAmount(seconds: node.configuration.headTimeout) + ConnectionSetup.grace
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            if let context = self.context { refuse(.requestTimeout("the head"), context) }
        }
    }

    /// Bytes have come for the codec: those behind a response begin another request, whose head has to come in time. A request
    /// that is refused early is answered while its body is still on the way.
    func bytesCame() {
        guard let context, outstanding == 0, body == nil, lastUsed != nil, !isEnding else { return }
        lastUsed = nil
        awaitHead(context)
    }

    /// See ``PlainConnection``.
    var idleSince: NIODeadline? { outstanding == 0 && body == nil ? lastUsed : nil }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        deadline?.cancel()
        stall.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnding else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let bytes):
            body?.came(at: .now(), isPart: isStream && bytes.readableBytesView.contains(UInt8(ascii: "\n")))
            context.fireChannelRead(data)
        case .end:
            body = nil
            deadline?.cancel()
            context.fireChannelRead(data)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var head = head
        // RFC 9112 section 3.2.
        guard head.headers["host"].count == 1 || head.version == .http1_0 && head.headers["host"].isEmpty else {
            return refuse(.invalidRequest("one Host header is needed"), context)
        }
        guard head.isMostlyASCII else { return refuse(.invalidRequest("the head is to be ASCII"), context) }
        deadline?.cancel()
        lastUsed = nil
        let time = TimeAmount(seconds: node.configuration.bodyTimeout)
        body = BodyClock(limit: time)
        isStream = head.uri.prefix { $0 != "?" } == "/v1/pushes"
        watchBody(for: time, context)
        outstanding += 1
        let switchesProtocol = switchesProtocol(head)
        // The parser stops behind such a head and would keep whatever follows.
        if switchesProtocol { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
        isAtLast = switchesProtocol || isLast(head)
        if isAtLast { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    /// It asks for another protocol, which it does not get: nothing behind it can be read as HTTP.
    private func switchesProtocol(_ head: HTTPRequestHead) -> Bool {
        head.method == .CONNECT || head.headers.contains(name: "upgrade")
    }

    /// The connection ends with it: it says so, is HTTP/1.0, or has a body that will not be read.
    private func isLast(_ head: HTTPRequestHead) -> Bool {
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        let bodyLimit = node.configuration.bodyLimit
        return node.drain.isDraining || head.version == .http1_0 || !head.isKeepAlive
            || bodyLimit > 0 && length > bodyLimit
            || head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where isAtLast && outstanding == 1:
            // RFC 9112 section 9.6: the last response says that it is.
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            outstanding -= 1
            guard outstanding == 0 else { break }
            lastUsed = .now()
            // Lines that nobody wants any more are worth nothing.
            isStream = false
        default: break
        }
        context.write(data, promise: promise)
    }

    /// More is wanted from the caller.
    func read(context: ChannelHandlerContext) {
        body?.wants(at: .now())
        context.read()
    }

    private func watchBody(for time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            guard let body, let context = self.context else { return }
            let left = body.remaining(at: .now())
            guard left <= .zero else { return watchBody(for: left, context) }
            self.body = nil
            let problem = Problem.requestTimeout("the body")
            if outstanding > 0 {
                // Whoever reads the body answers; behind that answer nothing can be read any more.
                isAtLast = true
                context.fireErrorCaught(problem)
            } else {
                node.metrics.answered(with: problem)
                context.close(promise: nil)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // As in the handler of pushes: a request that has come is answered first.
        if event is ChannelShouldQuiesceEvent, outstanding == 0, context.hasUnread {
            return context.afterUnread { [self] in self.context?.fireUserInboundEventTriggered(event) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let metrics = node.metrics
        stall.changed(context.channel, seconds: node.configuration.answerTimeout) { metrics.reached(.answerTime) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, outstanding == 0 else { return context.fireErrorCaught(error) }
        guard !isEnding else { return }
        refuse(
            error == .headerOverflow ? .headTooLarge : .invalidRequest("the request is not HTTP/1.1: \(error)"), context
        )
    }

    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard outstanding == 0 else { return context.fireErrorCaught(HTTPParserError.unknown) }
        isEnding = true
        node.metrics.answered(with: problem)
        for part in ProblemAnswer.parts(problem) { context.write(wrapOutboundOut(part), promise: nil) }
        context.flush()
        // With unread input a full close would reset the connection before the answer has been read.
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
}

extension HTTPRequestHead {
    /// Whether target and headers hold at most a kilobyte that is not ASCII, which has no meaning in them (RFC 9110 section
    /// 5.5): texts like these cost more to compare than to send (see ``TextBytes``).
    var isMostlyASCII: Bool {
        let foreign = headers.reduce(uri.utf8.count { $0 >= 0x80 }) { $0 + $1.value.utf8.count { $0 >= 0x80 } }
        return foreign <= 1024
    }
}

/// Answers where there is no framework (yet).
enum ProblemAnswer {
    static func parts(_ problem: Problem) -> [HTTPServerResponsePart] {
        let body = problem.document
        var headers = HTTPHeaders([
            ("Content-Type", Problem.contentType), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
            ("X-Request-Id", RequestID.new()), ("Date", HTTPDate.now()),
        ])
        for (name, value) in problem.headers { headers.add(name: name, value: value) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: problem.status), headers: headers)
        return [.head(head), .body(.byteBuffer(body)), .end(nil)]
    }
}

import NIOCore
import NIOHTTP1

/// What HTTP/1.1 asks of requests beyond what the codec checks and the framework obeys; directly behind the codec.
///
/// It refuses what cannot be parsed and what names no host, and gives every request that is the last on its connection the
/// one spelling of `Connection: close` that the framework knows.
final class HTTPGuardHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyLimit: Int
    private let awaitsRequest: Bool
    /// Requests whose responses have not ended. An answer of our own may only be written when there are none.
    private var outstanding = 0
    private var isEnding = false
    /// The newest request is the last on its connection.
    private var isAtLast = false
    /// Nothing behind this handler watches the time before the first request.
    private var deadline: Scheduled<Void>?

    private let drain: NodeDrain

    /// - Parameters:
    ///   - drain: Every request is the last on its connection while the node is being emptied.
    ///   - awaitsRequest: The first request is not whole yet; it has to come in time.
    init(bodyLimit: Int, drain: NodeDrain, awaitsRequest: Bool) {
        self.bodyLimit = bodyLimit
        self.drain = drain
        self.awaitsRequest = awaitsRequest
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard awaitsRequest else { return }
        let channel = context.channel
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(ConnectionSetup.handshakeTimeout)) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnding else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        // RFC 9112 section 3.2.
        guard head.headers["host"].count == 1 || head.version == .http1_0 && head.headers["host"].isEmpty else {
            return refuse("one Host header is needed", context)
        }
        deadline?.cancel()
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
        return drain.isDraining || head.version == .http1_0 || !head.isKeepAlive || bodyLimit > 0 && length > bodyLimit
            || head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where isAtLast && outstanding == 1:
            // RFC 9112 section 9.6: the last response says that it is.
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end: outstanding -= 1
        default: break
        }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, outstanding == 0 else { return context.fireErrorCaught(error) }
        if !isEnding { refuse("the request is not HTTP/1.1: \(error)", context) }
    }

    private func refuse(_ detail: String, _ context: ChannelHandlerContext) {
        guard outstanding == 0 else { return context.fireErrorCaught(HTTPParserError.unknown) }
        isEnding = true
        for part in ProblemAnswer.parts(.invalidRequest(detail)) { context.write(wrapOutboundOut(part), promise: nil) }
        context.flush()
        // With unread input a full close would reset the connection before the answer has been read.
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
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

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// What a connection has become.
enum NegotiatedConnection: Sendable {
    /// Hummingbird answers its requests.
    case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    /// A session lives on its event loop; no task is needed for it any more.
    case webSocket
    /// The upgrade was refused and answered.
    case refused
}

/// One port for HTTP and WebSocket: every accepted connection begins here.
///
/// ```
/// accept -> PushFrontHandler -+-> answers push requests itself, for as long as nothing else comes
///                             '-> HTTP codec -> upgrade? -+-> Session
///                                                         '-> Hummingbird
/// ```
struct ConnectionSetup: Sendable {
    let node: Node
    /// Talks HTTP on a connection that is wrapped for it.
    let http: HTTP1Channel

    /// Seconds within which a connection must have said what it is.
    static let handshakeTimeout: Int64 = 10
    /// Seconds for which a kept-alive HTTP connection may idle; above nginx' 60.
    static let idleTimeout: Int64 = 75
    private static let maximumHeaderBytes = 16 * 1024

    /// On the connection's loop.
    func prepare(_ channel: any Channel) throws {
        let shard = node.shard(of: channel.eventLoop)
        shard.track(channel)
        channel.closeFuture.assumeIsolated().whenComplete { _ in shard.untrack(channel) }
        let front = PushFrontHandler(node: node) { channel in
            let negotiated = try installHTTP(on: channel)
            negotiated.whenSuccess { take($0, on: channel) }
            return negotiated
        }
        try channel.pipeline.syncOperations.addHandler(front)
    }

    private func take(_ connection: NegotiatedConnection, on channel: any Channel) {
        switch connection {
        case .webSocket: node.shard(of: channel.eventLoop).untrack(channel)
        case .refused: break
        case .http(let http): Task { await self.http.handleHTTP(asyncChannel: http, logger: node.logger) }
        }
    }

    private func installHTTP(on channel: any Channel) throws -> EventLoopFuture<NegotiatedConnection> {
        let logger = node.logger
        let refusal = NIOLoopBoundBox<Problem?>(nil, eventLoop: channel.eventLoop)
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<NegotiatedConnection>(
            upgraders: [SessionUpgrader(node: node, refusal: refusal)],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let problem = refusal.value {
                        Self.answer(problem, on: channel)
                        return .refused
                    }
                    return .http(try Self.wrap(channel, logger: logger))
                }
            })
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
        // Hummingbird does these itself.
        configuration.enablePipelining = false
        configuration.enableErrorHandling = false
        configuration.enableResponseHeaderValidation = false
        configuration.decoderConfiguration.maxHeaderFieldSize = Self.maximumHeaderBytes
        configuration.decoderConfiguration.maxHeaderListSize = 2 * Self.maximumHeaderBytes
        configuration.decoderConfiguration.maxHeaderFieldCount = 200
        return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(configuration: configuration)
    }

    private static func wrap(
        _ channel: any Channel, logger: Logger
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: .seconds(idleTimeout), logger: logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    /// Answers a refused upgrade: NIO has dropped the request, so nobody behind it could.
    private static func answer(_ problem: Problem, on channel: any Channel) {
        let body = problem.document
        var headers = HTTPHeaders([
            ("Content-Type", Problem.contentType), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
            ("X-Request-Id", RequestID.new()),
        ])
        if let retryAfter = problem.retryAfter { headers.add(name: "Retry-After", value: "\(retryAfter)") }
        if let allow = problem.allow { headers.add(name: "Allow", value: allow) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: problem.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in channel.close(promise: nil) }
    }
}

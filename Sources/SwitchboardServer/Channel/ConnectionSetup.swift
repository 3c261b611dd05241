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
        let front = PushFrontHandler(node: node) { channel, isSocket in
            try installHTTP(on: channel, isSocket: isSocket).whenSuccess { take($0, on: channel) }
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

    private func installHTTP(on channel: any Channel, isSocket: Bool) throws -> EventLoopFuture<NegotiatedConnection> {
        isSocket ? try installUpgrade(on: channel) : try installPlain(on: channel)
    }

    private static var limits: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = maximumHeaderBytes
        limits.maxHeaderListSize = 2 * maximumHeaderBytes
        limits.maxHeaderFieldCount = 200
        return limits
    }

    /// A request that cannot upgrade: whatever it says of `Upgrade` (h2c, mostly) is passed over, as RFC 9110 section 7.8
    /// allows.
    private func installPlain(on channel: any Channel) throws -> EventLoopFuture<NegotiatedConnection> {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: Self.limits)
        try pipeline.addHandler(
            HTTPGuardHandler(bodyLimit: node.configuration.bodyLimit, drain: node.drain, awaitsRequest: true))
        return channel.eventLoop.makeSucceededFuture(.http(try wrap(channel)))
    }

    private func installUpgrade(on channel: any Channel) throws -> EventLoopFuture<NegotiatedConnection> {
        let refusal = NIOLoopBoundBox<Problem?>(nil, eventLoop: channel.eventLoop)
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<NegotiatedConnection>(
            upgraders: [SessionUpgrader(node: node, refusal: refusal)],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let problem = refusal.value {
                        node.shard(of: channel.eventLoop).counters.refusals.count(problem)
                        for part in ProblemAnswer.parts(problem) { channel.write(part, promise: nil) }
                        channel.flush()
                        channel.close(promise: nil)
                        return .refused
                    }
                    return .http(try wrap(channel))
                }
            })
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
        // Hummingbird does these itself.
        configuration.enablePipelining = false
        configuration.enableErrorHandling = false
        configuration.enableResponseHeaderValidation = false
        configuration.decoderConfiguration = Self.limits
        let pipeline = channel.pipeline.syncOperations
        let negotiated = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
        try pipeline.addHandler(
            HTTPGuardHandler(bodyLimit: node.configuration.bodyLimit, drain: node.drain, awaitsRequest: false))
        return negotiated
    }

    private func wrap(_ channel: any Channel) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(CallerHandler())
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(
            HTTPConnectionStateHandler(idleTimeout: .seconds(Self.idleTimeout), logger: node.logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}

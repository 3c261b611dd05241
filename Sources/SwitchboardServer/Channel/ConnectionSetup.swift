import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import NIOWebSocket

/// What a connection has become.
enum NegotiatedConnection: Sendable {
    /// Hummingbird answers its requests.
    case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    /// A session lives on its event loop; no task is needed for it any more.
    case webSocket
    /// A ``LiveSession`` lives on its event loop.
    case operatorSocket
    /// The upgrade was refused and answered.
    case refused
}

/// One port for HTTP and WebSocket: every accepted connection begins here.
///
/// ```
/// accept -> [PROXY header] -> [TLS] -> PushFrontHandler -+-> answers push requests itself, for as long as nothing else comes
///                                                        '-> HTTP codec -> upgrade? -+-> Session
///                                                                                    '-> Hummingbird
/// ```
struct ConnectionSetup: Sendable {
    let node: Node
    /// Talks HTTP on a connection that is wrapped for it.
    let http: HTTP1Channel

    /// For what has come in time and was not read in time.
    static let grace = TimeAmount.milliseconds(50)
    /// Seconds for which a kept-alive HTTP connection may idle; above nginx' 60.
    static let idleTimeout: Int64 = 75

    /// On the connection's loop.
    func prepare(_ channel: any Channel) throws {
        let shard = node.shard(of: channel.eventLoop)
        let limit = node.configuration.maximumPlainConnections
        guard limit == 0 || node.plainConnections.value < limit || shard.makeRoom() else {
            let problem = Problem.overloaded("too many connections that are no sessions")
            return try refuse(channel, problem.counted(.plainConnections))
        }
        let place = AddressPlace(in: node.addresses)
        shard.track(channel)
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            shard.untrack(channel)
            place.giveBack()
        }
        guard node.configuration.proxyProtocol else { return try begin(channel, .direct, place) }
        try channel.pipeline.syncOperations.addHandler(
            ProxyHeaderHandler(shard: shard) { try begin($0, $1, place) })
    }

    private func begin(_ channel: any Channel, _ peer: Peer, _ place: AddressPlace) throws {
        if let address = peer.address(on: channel)?.ipAddress {
            guard place.take(address) else {
                return try refuse(channel, .tooManyConnections(retryAfter: SessionUpgrader.retryAfter(atLeast: 5)))
            }
            let connection = node.shard(of: channel.eventLoop).connections[ObjectIdentifier(channel)]
            connection?.isProxys = node.addresses.isTrusted(address)
        }
        if let tls = node.tls {
            try channel.pipeline.syncOperations.addHandlers([
                NIOSSLServerHandler(context: tls.context), HandshakeWatch(shard: node.shard(of: channel.eventLoop)),
            ])
        }
        let front = PushFrontHandler(node: node, shard: node.shard(of: channel.eventLoop)) { channel, isSocket in
            let connection = isSocket ? try installUpgrade(on: channel, peer, place) : try installPlain(on: channel)
            connection.whenSuccess { take($0, on: channel) }
        }
        try channel.pipeline.syncOperations.addHandler(front)
    }

    /// There is no room for a connection, whatever it may become.
    private func refuse(_ channel: any Channel, _ problem: Problem) throws {
        node.metrics.answered(with: problem)
        let shard = node.shard(of: channel.eventLoop)
        // Who expects TLS could not read an answer, and a handshake is more than it shall get.
        let answer =
            node.tls == nil
            ? PushResponse.bytes(.failure(problem), requestID: shard.newRequestID(), date: shard.date, isLast: true)
            : ByteBuffer()
        try channel.pipeline.syncOperations.addHandler(RefusalHandler(answer: answer))
    }

    private func take(_ connection: NegotiatedConnection, on channel: any Channel) {
        switch connection {
        case .webSocket: node.shard(of: channel.eventLoop).untrack(channel)
        // Not a client: it stays among those that are told when the node stops.
        case .operatorSocket, .refused: break
        case .http(let http): Task { await self.http.handleHTTP(asyncChannel: http, logger: node.logger) }
        }
    }

    private static var limits: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = RequestHead.maximumHeaderBytes
        limits.maxHeaderListSize = 2 * RequestHead.maximumHeaderBytes
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
        try pipeline.addHandler(HTTPGuardHandler(node: node, awaitsRequest: true))
        return channel.eventLoop.makeSucceededFuture(.http(try wrap(channel)))
    }

    private func installUpgrade(
        on channel: any Channel, _ peer: Peer, _ place: AddressPlace
    ) throws -> EventLoopFuture<NegotiatedConnection> {
        let refusal = NIOLoopBoundBox<Problem?>(nil, eventLoop: channel.eventLoop)
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<NegotiatedConnection>(
            upgraders: [
                SocketUpgradeSwitch(
                    clients: SessionUpgrader(node: node, peer: peer, refusal: refusal, place: place),
                    operators: LiveUpgrade(node: node, peer: peer, refusal: refusal, place: place))
            ],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let problem = refusal.value {
                        node.shard(of: channel.eventLoop).counters.refusals.count(problem)
                        node.metrics.answered(with: problem)
                        node.authenticator.tally.count(problem, of: .client)
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
        try pipeline.addHandler(HTTPGuardHandler(node: node, awaitsRequest: false))
        return negotiated
    }

    private func wrap(_ channel: any Channel) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        let watch = RequestBeginning(try pipeline.handler(type: HTTPGuardHandler.self))
        try pipeline.addHandler(watch, position: .before(decoder))
        try pipeline.addHandler(CallerHandler())
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: node.tls != nil))
        try pipeline.addHandler(
            HTTPConnectionStateHandler(idleTimeout: .seconds(Self.idleTimeout), logger: node.logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}

import Logging
import NIOCore

/// What came of connections that had to begin with a header of the PROXY protocol.
enum ProxyHeaderOutcome: String, CaseIterable, Sendable {
    /// It named a client.
    case client
    /// The proxy came for itself, or did not know for whom.
    case own
    case malformed
    /// Who is connected is no trusted proxy.
    case untrusted
    case timeout
}

/// Takes the header of the PROXY protocol off a connection and only then sets up what is to follow.
///
/// Nothing is read from who is no trusted proxy, and nothing goes on without a header: a node that took either would let
/// everybody choose an address.
final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Seconds: that of a lost packet, and then some.
    private static let patience: Int64 = 5

    private let shard: Shard
    private let goOn: (any Channel, Peer) throws -> Void
    private var received = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isOver = false

    /// - Parameter goOn: Adds the handlers that follow.
    init(shard: Shard, goOn: @escaping (any Channel, Peer) throws -> Void) {
        self.shard = shard
        self.goOn = goOn
    }

    func channelActive(context: ChannelHandlerContext) {
        let trusted = shard.node.configuration.trustedProxies
        guard let peer = ClientAddress(context.channel.remoteAddress), trusted.contains(where: { $0.contains(peer.ip) })
        else { return end(.untrusted, context) }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Self.patience)) { [self] in
            end(.timeout, context)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        switch ProxyHeader.parse(received.readableBytesView) {
        case .incomplete: break
        case .malformed(let reason):
            shard.node.logger.debug("a PROXY header is malformed", metadata: ["reason": "\(reason)"])
            end(.malformed, context)
        case .header(let header): take(header, context)
        }
    }

    private func take(_ header: ProxyHeader, _ context: ChannelHandlerContext) {
        isOver = true
        deadline?.cancel()
        received.moveReaderIndex(forwardBy: header.length)
        let peer: Peer
        switch header.source {
        case .client(let address):
            peer = .proxied(address)
            shard.counters.proxyHeaders.count(.client)
        case .connection:
            peer = .direct
            shard.counters.proxyHeaders.count(.own)
        }
        do { try goOn(context.channel, peer) } catch { return context.close(promise: nil) }
        if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func end(_ outcome: ProxyHeaderOutcome, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        shard.counters.proxyHeaders.count(outcome)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Nothing whole has come, so there is nothing to answer.
        if event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOver = true
        deadline?.cancel()
        context.fireChannelInactive()
    }
}

/// Who is at the other end of a connection.
enum Peer: Sendable {
    case direct
    /// A trusted proxy came for somebody; nil when that is nobody with an IP address.
    case proxied(SocketAddress?)

    func address(on channel: any Channel) -> SocketAddress? {
        switch self {
        case .direct: channel.remoteAddress
        case .proxied(let address): address
        }
    }
}

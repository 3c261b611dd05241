import NIOCore
import NIOPosix
import Synchronization

/// Passes TCP connections on to a port, and ends them as bad networks do.
final class Relay: Sendable {
    /// How a connection ends.
    enum Manner: Hashable, Sendable, CaseIterable {
        /// At once.
        case cut
        /// First nothing of what the client sends gets through for a while: it is lost.
        case losesUp
        /// First nothing of what the server sends gets through for a while: it is lost.
        case losesDown

        /// How long things are lost before the end.
        static let losesFor = TimeAmount.milliseconds(700)
    }

    let port: Int
    private let target: Int
    private let isMute: Bool
    private let listener = Mutex<(any Channel)?>(nil)
    private let pairs = Mutex<[ObjectIdentifier: RelayPair]>([:])
    private let isStalled = Mutex(false)

    /// - Parameter isMute: Of what a client sends only its request and its first frame get through, always.
    init(to target: Int, isMute: Bool = false) async throws {
        self.target = target
        self.isMute = isMute
        port = try await FreePort.take()
        let listening = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Nothing is read before there is somewhere to pass it on to.
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] client in accept(client) }
            .bind(host: "127.0.0.1", port: port).get()
        listener.withLock { $0 = listening }
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: target)
            .flatMap { [self] server in
                let pair = RelayPair(client: client, server: server)
                pairs.withLock { $0[ObjectIdentifier(pair)] = pair }
                client.closeFuture.whenComplete { [self] _ in
                    pairs.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(pair)) }
                }
                return pair.join(isMute: isMute) { [self] in isStalled.withLock { $0 } }
            }
            // The accepted connection is closed when its setup fails.
            .hop(to: client.eventLoop)
    }

    /// Ends this share of the connections, which are chosen at random.
    ///
    /// - Returns: how many.
    @discardableResult
    func end<Source: RandomNumberGenerator>(_ share: Double, _ manner: Manner, using random: inout Source) -> Int {
        let all = pairs.withLock { Array($0.values) }
        let count = Int((Double(all.count) * share).rounded(.up))
        let chosen = all.shuffled(using: &random).prefix(count)
        for pair in chosen { pair.end(manner) }
        return chosen.count
    }

    /// From now on nothing gets through, in either direction, and nothing is closed: what is sent is lost.
    func stall() {
        isStalled.withLock { $0 = true }
        for pair in pairs.withLock({ Array($0.values) }) { pair.lose() }
    }

    /// What connects from now on gets through again. The connections that have lost something are closed.
    func resume() {
        isStalled.withLock { $0 = false }
        for pair in pairs.withLock({ Array($0.values) }) { pair.end(.cut) }
    }

    func stop() async {
        try? await listener.withLock { $0 }?.close()
        for pair in pairs.withLock({ Array($0.values) }) { pair.end(.cut) }
    }
}

/// A client's connection and the one to the server, both on one event loop.
private final class RelayPair: Sendable {
    let client: any Channel
    private let server: any Channel

    init(client: any Channel, server: any Channel) {
        self.client = client
        self.server = server
    }

    /// - Parameter isStalled: Asked on the event loop on which ``lose()`` works, so that none of the two comes too early.
    func join(isMute: Bool, isStalled: @escaping @Sendable () -> Bool) -> EventLoopFuture<Void> {
        client.eventLoop.makeCompletedFuture {
            let (up, down) = (RelayHandler(to: server), RelayHandler(to: client))
            up.loses = isStalled()
            down.loses = up.loses
            // The request is sent alone, as what follows has to wait for its answer.
            if isMute { up.partsLeft = 2 }
            try client.pipeline.syncOperations.addHandler(up)
            try server.pipeline.syncOperations.addHandler(down)
        }.flatMap { [client, server] in
            client.setOption(.autoRead, value: true).and(server.setOption(.autoRead, value: true)).map { _ in }
        }
    }

    func end(_ manner: Relay.Manner) {
        switch manner {
        case .cut: close()
        case .losesUp: lose(from: client)
        case .losesDown: lose(from: server)
        }
    }

    /// In both directions, without an end.
    func lose() {
        for channel in [client, server] { loseWhatComes(from: channel) }
    }

    private func lose(from channel: any Channel) {
        loseWhatComes(from: channel)
        client.eventLoop.scheduleTask(in: Relay.Manner.losesFor) { self.close() }
    }

    private func loseWhatComes(from channel: any Channel) {
        channel.eventLoop.execute {
            try? channel.pipeline.syncOperations.handler(type: RelayHandler.self).loses = true
        }
    }

    private func close() {
        client.close(promise: nil)
        server.close(promise: nil)
    }
}

/// One direction of a relayed connection.
private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let target: any Channel
    var loses = false
    /// So many parts are passed on still; nil means all.
    var partsLeft: Int?

    init(to target: any Channel) { self.target = target }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !loses, partsLeft != 0 else { return }
        partsLeft = partsLeft.map { $0 - 1 }
        target.write(unwrapInboundIn(data), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) { target.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // This end takes no more for now, so nothing more is read for it.
        target.setOption(.autoRead, value: context.channel.isWritable).whenFailure { _ in }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) { target.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle
import SwitchboardCore

/// The one port: accepts connections, and closes it and the plain HTTP connections when the node is to stop.
///
/// Only a connection that turns out to speak HTTP to the framework gets a task. A server that makes one for each accepted
/// connection pays a change of threads for every handshake.
struct ConnectionListener: Service {
    let node: Node
    let group: any EventLoopGroup
    let responder: HTTPChannelHandler.Responder
    let onListening: @Sendable (Int) async -> Void

    private static let backlog: Int32 = 4096
    /// Seconds for which responses that are under way may go on when the node stops, unless it has a limit.
    private static let farewell = 60.0
    /// How long the bus is awaited before the first connection is accepted.
    private static let busPatience = Duration.seconds(3)
    /// Who has just been accepted sends its request in this time.
    private static let firstRequest = Duration.milliseconds(200)

    func run() async throws {
        await awaitBus()
        let setup = ConnectionSetup(node: node, http: HTTP1Channel(responder: responder))
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try setup.prepare(channel) }
            }
            .bind(host: node.configuration.host, port: node.configuration.port).get()
        await onListening(server.localAddress?.port ?? 0)
        try? await gracefulShutdown()
        await close(server)
        try? await Task.sleep(for: Self.firstRequest)
        await quiesce()
    }

    /// A node that has just been started is sent requests as soon as it listens, and would have to refuse them.
    private func awaitBus() async {
        let deadline = ContinuousClock.now + Self.busPatience
        while !node.bus.isAvailable, ContinuousClock.now < deadline {
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }

    /// Connections that the kernel has accepted and nobody has taken would be reset, with the requests in them: so the port
    /// is closed in a turn of the loop in which there are none. Neither may any be on its way to its own loop, since the
    /// bootstrap closes those together with the server: connections are taken on demand by then.
    private func close(_ server: any Channel) async {
        try? await server.setOption(.autoRead, value: false).get()
        for _ in 0..<1000 {
            for shard in node.shards { try? await shard.loop.submit {}.get() }
            let isQuiet = try? await server.eventLoop.submit {
                let descriptor = try server.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                    of: NIOBSDSocket.Handle.self
                ) { $0 }
                guard let descriptor, !DirectSend.isAwaited(descriptor) else {
                    server.read()
                    return false
                }
                server.close(promise: nil)
                return true
            }.get()
            if isQuiet != false { break }
        }
        try? await server.close()
    }

    /// Idle HTTP connections are closed at once, the others when their response has ended.
    private func quiesce() async {
        let clock = ContinuousClock()
        // Giving up presence needs a moment of the limit as well.
        let left = min(Self.farewell, max(1, (node.drain.secondsLeft ?? Self.farewell) - 1))
        let deadline = clock.now + .seconds(left)
        node.events.close()
        for shard in node.shards { shard.loop.execute { shard.quiesceConnections() } }
        while clock.now < deadline {
            var open = 0
            for shard in node.shards { open += (try? await shard.loop.submit { shard.connections.count }.get()) ?? 0 }
            guard open > 0, (try? await clock.sleep(for: .milliseconds(20))) != nil else { return }
        }
    }
}

extension ChannelHandlerContext {
    /// Whether bytes, or the end, have come that nobody has read yet.
    var hasUnread: Bool {
        let descriptor = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
        return descriptor.map(DirectSend.isAwaited) ?? false
    }

    /// When what has come should have been read, if it is read at all.
    func afterUnread(_ body: @escaping () -> Void) {
        _ = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100), body)
    }
}

extension Shard {
    /// The connection is not a session (yet); it is told when the node stops.
    func track(_ channel: any Channel) {
        connections[ObjectIdentifier(channel)] = PlainConnection(channel)
        node.plainConnections.increment()
    }

    /// It has become a session, or is closed.
    func untrack(_ channel: any Channel) {
        if connections.removeValue(forKey: ObjectIdentifier(channel)) != nil { node.plainConnections.decrement() }
    }

    fileprivate func quiesceConnections() {
        for connection in connections.values {
            connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }
}

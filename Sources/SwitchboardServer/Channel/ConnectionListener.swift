import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle

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
    /// Seconds for which responses that are under way may go on when the node stops.
    private static let farewell = 5

    func run() async throws {
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
        try? await server.close()
        await quiesce()
    }

    /// Idle HTTP connections are closed at once, the others when their response has ended.
    private func quiesce() async {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(Self.farewell)
        for shard in node.shards { shard.loop.execute { shard.quiesceConnections() } }
        while clock.now < deadline {
            var open = 0
            for shard in node.shards { open += (try? await shard.loop.submit { shard.connections.count }.get()) ?? 0 }
            if open == 0 { return }
            try? await clock.sleep(for: .milliseconds(20))
        }
    }
}

extension Shard {
    /// The connection is not a session (yet); it is told when the node stops.
    func track(_ channel: any Channel) { connections[ObjectIdentifier(channel)] = channel }

    /// It has become a session, or is closed.
    func untrack(_ channel: any Channel) { connections[ObjectIdentifier(channel)] = nil }

    fileprivate func quiesceConnections() {
        for channel in connections.values {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }
}

package import NIOCore
package import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import SwitchboardProtocol

/// Makes one attempt: TCP, TLS, HTTP upgrade.
package struct Connector: Sendable {
    /// What came of an attempt that reached the node.
    package enum Outcome: Sendable {
        case open
        case refused(EventLoopFuture<Refusal>)
    }

    package let endpoint: Endpoint
    let tls: NIOSSLContext?
    /// Seconds, for the TCP connection alone; the whole attempt is watched by ``AgentConnectionState``.
    let timeout: Double
    let maximumMessageBytes: Int

    package init(_ configuration: AgentConfiguration) throws(AgentError) {
        endpoint = try Endpoint(configuration.url)
        guard (1...Int(UInt32.max)).contains(configuration.maximumMessageBytes) else {
            throw .invalidConfiguration("maximumMessageBytes must be 1...\(UInt32.max)")
        }
        timeout = configuration.connectTimeout
        maximumMessageBytes = configuration.maximumMessageBytes
        guard endpoint.isSecure else {
            tls = nil
            return
        }
        do { tls = try NIOSSLContext(configuration: configuration.tls) } catch {
            throw .invalidConfiguration("TLS: \(error)")
        }
    }

    /// - Parameters:
    ///   - target: The request target.
    ///   - headers: More headers of the request.
    ///   - willConnect: Told of each channel before it connects, on the event loop, so that it can be closed.
    ///   - makeHandler: Makes the handler of the open WebSocket, on the event loop.
    package func connect(
        on eventLoop: any EventLoop, target: String, headers: HTTPHeaders = [:],
        willConnect: @escaping @Sendable (any Channel) -> Void = { _ in },
        makeHandler: @escaping @Sendable () -> any ChannelHandler
    ) async throws -> Outcome {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(timeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
        let upgrade = try await bootstrap.connect(host: endpoint.host, port: endpoint.port) { channel in
            willConnect(channel)
            return channel.eventLoop.makeCompletedFuture {
                if let tls {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: endpoint.serverName))
                }
                return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: pipeline(target: target, headers: headers, makeHandler: makeHandler))
            }
        }
        return try await upgrade.get()
    }

    private func pipeline(
        target: String, headers more: HTTPHeaders, makeHandler: @escaping @Sendable () -> any ChannelHandler
    ) -> NIOUpgradableHTTPClientPipelineConfiguration<Outcome> {
        var headers: HTTPHeaders = [
            "Host": endpoint.authority,
            "User-Agent": "switchboard-agent",
            "Sec-WebSocket-Protocol": ConnectionMode.framedSubprotocol,
        ]
        headers.add(contentsOf: more)
        let upgrader = NIOTypedWebSocketClientUpgrader<Outcome>(
            maxFrameSize: maximumMessageBytes, enableAutomaticErrorHandling: false
        ) { channel, head in
            channel.eventLoop.makeCompletedFuture {
                try Self.check(head)
                try channel.pipeline.syncOperations.addHandler(makeHandler())
                return .open
            }
        }
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Outcome>(
                upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: headers),
                upgraders: [upgrader]
            ) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let promise = channel.eventLoop.makePromise(of: Refusal.self)
                    try channel.pipeline.syncOperations.addHandler(RefusalHandler(promise: promise))
                    return .refused(promise.futureResult)
                }
            })
        // The node's hello may come in the same segment as the answer to the upgrade.
        configuration.leftOverBytesStrategy = .forwardBytes
        return configuration
    }

    /// What RFC 6455 section 4.1 asks a client to check beyond NIO's own checks.
    private static func check(_ head: HTTPResponseHead) throws {
        let connection = head.headers[canonicalForm: "connection"]
        guard connection.contains(where: { $0.lowercased() == "upgrade" }) else {
            throw HandshakeError("the answer lacks 'Connection: upgrade'")
        }
        guard head.headers["sec-websocket-protocol"] == [ConnectionMode.framedSubprotocol] else {
            throw HandshakeError("the node does not speak \(ConnectionMode.framedSubprotocol)")
        }
        guard head.headers["sec-websocket-extensions"].isEmpty else {
            throw HandshakeError("the node chose an extension that was not offered")
        }
    }
}

/// The answer to the upgrade was not what was asked for.
struct HandshakeError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

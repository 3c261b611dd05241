package import NIOCore
package import NIOHTTP1
import NIOPosix
import NIOSSL
import SwitchboardProtocol
import SwitchboardTLS
package import SwitchboardWebSocket

/// Makes one attempt: TCP, TLS, HTTP upgrade.
package struct Connector: Sendable {
    /// What came of an attempt that reached the node.
    package enum Outcome: Sendable {
        case open
        case refused(EventLoopFuture<Refusal>)
    }

    package let endpoint: Endpoint
    let tls: NIOSSLContext?
    let pins: [CertificatePin]
    /// Seconds, for the TCP connection alone; the whole attempt is watched by ``AgentConnectionState``.
    let timeout: Double
    private let compression: DeflateProposal?
    private let subprotocol: String

    /// - Parameter subprotocol: What is spoken; an agent's by default.
    package init(
        _ configuration: AgentConfiguration, subprotocol: String = ConnectionMode.framedSubprotocol
    ) throws(AgentError) {
        self.subprotocol = subprotocol
        endpoint = try Endpoint(configuration.url)
        guard (1...Int(UInt32.max)).contains(configuration.maximumMessageBytes) else {
            throw .invalidConfiguration("maximumMessageBytes must be 1...\(UInt32.max)")
        }
        timeout = configuration.connectTimeout
        pins = configuration.certificatePins
        compression = configuration.compression ? DeflateProposal() : nil
        guard endpoint.isSecure else {
            guard pins.isEmpty else { throw .invalidConfiguration("pins need TLS: a URL with wss://") }
            tls = nil
            return
        }
        if case .file(let path)? = configuration.tls.trustRoots {
            do throws(PEMFile.Fault) { try PEMFile.checkTrustRoots(path) } catch {
                throw .invalidConfiguration("the certificates to trust: \(error)")
            }
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
        makeHandler: @escaping @Sendable (DeflateAgreement?) -> any ChannelHandler
    ) async throws -> Outcome {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(timeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
        let upgrade = try await bootstrap.connect(host: endpoint.host, port: endpoint.port) { channel in
            willConnect(channel)
            return channel.eventLoop.makeCompletedFuture {
                if let tls {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLClientHandler(context: tls, serverHostname: endpoint.serverName),
                        CertificateCheck(server: endpoint.host, pins: pins),
                    ])
                }
                return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: pipeline(target: target, headers: headers, makeHandler: makeHandler))
            }
        }
        return try await upgrade.get()
    }

    private func pipeline(
        target: String, headers more: HTTPHeaders,
        makeHandler: @escaping @Sendable (DeflateAgreement?) -> any ChannelHandler
    ) -> NIOUpgradableHTTPClientPipelineConfiguration<Outcome> {
        var headers: HTTPHeaders = [
            "Host": endpoint.authority,
            "User-Agent": "switchboard-agent",
            "Sec-WebSocket-Protocol": subprotocol,
        ]
        headers.add(contentsOf: more)
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Outcome>(
                upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: headers),
                upgraders: [
                    SocketUpgrader(subprotocol: subprotocol, compression: compression, makeHandler: makeHandler)
                ]
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
}

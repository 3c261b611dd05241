import AsyncHTTPClient
import CoreMetrics
import Foundation
public import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import Synchronization
import UnixSignals

/// A node as a program: one port for HTTP and WebSocket, the bus behind it, and an orderly start and stop.
///
/// ```swift
/// let server = try SwitchboardServer(configuration: ServerConfiguration(node: "n1"), logger: logger)
/// try await server.run()
/// ```
public struct SwitchboardServer: Sendable {
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let tls: TLSIdentity?

    /// Reads the certificates that the configuration names.
    ///
    /// - Throws: ``ServerConfiguration/Problem`` when the configuration is unsafe or contradictory, or a certificate cannot be
    ///   used.
    public init(configuration: ServerConfiguration, logger: Logger) throws(ServerConfiguration.Problem) {
        try configuration.validate()
        tls = try configuration.readCertificates()
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT; a second one ends at once.
    ///
    /// - Parameter onListening: Called with the port once the node listens.
    /// - Throws: ``ServerConfiguration/Problem`` when a file of keys cannot be used, and when the port cannot be bound.
    public func run(onListening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        let threads = configuration.loops > 0 ? configuration.loops : ProcessorCount.usable
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let http = KeySetSource.client(on: group)
        do { try await run(on: group, http: http, onListening: onListening) } catch {
            try? await http.shutdown()
            throw error
        }
        try await http.shutdown()
        try await group.shutdownGracefully()
    }

    private func run(
        on group: MultiThreadedEventLoopGroup, http: HTTPClient, onListening: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let authenticator = try await Authenticator.starting(configuration, http: http, logger: logger)
        let (bus, store, redis) = connect(group)
        let client =
            configuration.webhooks.isUsed
            ? WebhookClient(secrets: configuration.webhooks.secrets.compactMap { WebhookSecret($0) }) : nil
        let webhooks = client.map {
            Webhooks(configuration: configuration, store: store.webhooks, post: $0.post, logger: logger)
        }
        let node = Node(
            configuration: configuration, bus: bus, store: store, busHealth: BusHealth(redis),
            authenticator: authenticator, loops: Array(group.makeIterator()), webhooks: webhooks, tls: tls,
            logger: logger)
        node.start()
        let host = configuration.host
        let listener = ConnectionListener(node: node, group: group, responder: APIResponder.make(node: node)) { port in
            node.address.withLock { $0 = "\(host):\(port)" }
            await onListening(port)
        }
        // Started in this order and stopped in the reverse one: first the sessions are sent away, while requests are still
        // answered, then the port is closed, then presence is given up, and the bus goes last.
        var services: [any Service] = []
        if let signers = authenticator.signers { services.append(signers) }
        if let redis { services.append(RedisService(cluster: redis)) }
        let readAgain: [(any Reloadable)?] = [tls, authenticator.canReload ? authenticator : nil]
        let interval = configuration.tls.reloadInterval
        if let reload = await ReloadService(readAgain.compactMap { $0 }, interval: interval, logger: logger) {
            services.append(reload)
        }
        if webhooks != nil, configuration.webhooks.secrets.isEmpty {
            logger.warning("webhooks are not signed: there is no secret")
        }
        if let webhooks, let url = configuration.webhooks.url {
            services.append(WebhookWorker(node: node, webhooks: webhooks, url: url))
        }
        services.append(RolloutKeeper(node: node))
        services += [PresenceKeeper(node: node), listener, DrainService(node: node)]
        var lifecycle = ServiceGroupConfiguration(
            services: services.map { .init(service: NamedService($0)) }, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        if let limit = configuration.longestStop { lifecycle.maximumGracefulShutdownDuration = .seconds(limit) }
        let impatience = Task { await Self.endAtSecondSignal(node) }
        defer { impatience.cancel() }
        // What libraries and services count by way of swift-metrics belongs to this node, of which a process may have several.
        try await withMetricsFactory(node.metrics.registry) {
            try await ServiceGroup(configuration: lifecycle).run()
        }
        node.stop()
        await client?.shutdown()
    }

    /// The first signal begins the orderly end; who sends another does not want to wait for it.
    private static func endAtSecondSignal(_ node: Node) async {
        var count = 0
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            count += 1
            // Ctrl-C: no load balancer sends anybody to a node in a terminal.
            if signal == .sigint { node.drain.hurry() }
            if count == 2 { exit(1) }
        }
    }

    private func connect(_ group: any EventLoopGroup) -> (any Bus, any Store, RedisBackplane?) {
        guard var configuration = configuration.redis else {
            let cluster = InProcessCluster(resumeWindow: self.configuration.resumeWindow)
            let (bus, store) = cluster.makeNode(self.configuration.node)
            return (bus, store, nil)
        }
        configuration.upstreamLimit = self.configuration.upstreamLimit
        let redis = RedisBackplane(configuration: configuration, group: group, logger: logger)
        return (redis.bus, redis.store, redis)
    }
}

extension ServerConfiguration {
    /// - Returns: nil where the port speaks no TLS.
    /// - Throws: one line that says which file cannot be used, and why.
    fileprivate func readCertificates() throws(Problem) -> TLSIdentity? {
        do throws(RedisConfigurationError) { try redis?.checkTrustRoots() } catch { throw Problem("redisCA: \(error)") }
        guard let files = tls.files else { return nil }
        return try TLSIdentity(files)
    }
}

/// The connection to Redis lives until everything that uses it has stopped.
private struct RedisService: Service {
    let cluster: RedisBackplane

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await cluster.run()
        } onGracefulShutdown: {
            Task { await cluster.shutdown() }
        }
    }
}

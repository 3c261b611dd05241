import NIOCore
import NIOPosix
import NIOSSL
import SwitchboardCore

extension RedisConnection {
    /// Connects, logs in, chooses the database and gives the connection a name that `CLIENT LIST` shows.
    ///
    /// - Parameters:
    ///   - endpoint: nil is the first of the configured address.
    ///   - symbols: Bulk strings that need no buffer of their own.
    /// - Throws: ``RedisTrouble``.
    static func connect(
        _ configuration: RedisConfiguration, to endpoint: RedisEndpoint? = nil, name: String,
        on eventLoop: any EventLoop, symbols: [String] = [], events: RedisChannelHandler.Events
    ) async throws -> RedisConnection {
        let endpoint = endpoint ?? configuration.address.endpoints[0]
        let inbox = CommandInbox(limit: configuration.commandLimit, byteLimit: configuration.commandByteLimit)
        let timeout = TimeAmount(configuration.commandTimeout)
        let connection: RedisConnection
        do {
            let tls = try configuration.address.isTLS ? tlsContext(configuration) : nil
            connection = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(TimeAmount(configuration.connectTimeout))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .connect(host: endpoint.host, port: endpoint.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLClientHandler(
                                    context: tls, serverHostname: configuration.certificateName ?? endpoint.serverName))
                        }
                        let handler = try RedisChannelHandler(
                            inbox: inbox, timeout: timeout, symbols: symbols, replyLimit: configuration.messageLimit,
                            events: events)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
                        return RedisConnection(channel: channel, inbox: inbox, handler: bound)
                    }
                }
        } catch {
            throw RedisTrouble.unreachable("\(endpoint): \(error)")
        }
        do {
            try await connection.introduce(configuration, name: name)
        } catch {
            let trouble = error as? RedisTrouble ?? .closed
            connection.close(trouble)
            throw trouble
        }
        return connection
    }

    private static func tlsContext(_ configuration: RedisConfiguration) throws -> NIOSSLContext {
        var settings = TLSConfiguration.makeClientConfiguration()
        if let file = configuration.trustRoots { settings.trustRoots = .file(file) }
        return try NIOSSLContext(configuration: settings)
    }

    private func introduce(_ configuration: RedisConfiguration, name: String) async throws {
        let address = configuration.address
        if let password = address.password {
            try await demand { buffer in
                buffer.command(arguments: address.user == nil ? 2 : 3)
                buffer.argument("AUTH" as StaticString)
                if let user = address.user { buffer.argument(user) }
                buffer.argument(password)
            }
        }
        if address.database != 0 {
            try await demand { buffer in
                buffer.command(arguments: 2)
                buffer.argument("SELECT" as StaticString)
                buffer.argument(address.database)
            }
        }
        try await demand { buffer in
            buffer.command(arguments: 3)
            buffer.argument("CLIENT" as StaticString)
            buffer.argument("SETNAME" as StaticString)
            buffer.argument(name)
        }
    }

    /// Asks for something without which the connection is of no use.
    ///
    /// - Throws: ``RedisTrouble``.
    @discardableResult
    func demand(_ write: (inout CommandBuffer) -> Void) async throws -> RESPReply {
        let outcome = await withCheckedContinuation { continuation in
            send(.raw { continuation.resume(returning: $0) }, write)
        }
        switch outcome {
        case .success(.error(let text)): throw RedisTrouble(reply: text)
        case .success(let reply): return reply
        case .failure(let error): throw trouble ?? .unreachable(error.description)
        }
    }
}

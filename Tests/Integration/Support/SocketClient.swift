import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A WebSocket client made of NIO's own parts, so that what the server sends is judged by code that is not ours.
final class SocketClient: Sendable {
    /// How to connect, and how well-behaved the client is.
    struct Options: Sendable {
        var port: Int
        /// The request target.
        var target = "/ws"
        var subprotocols: [String] = []
        var headers: HTTPHeaders = [:]
        /// The local address, such as 127.0.0.2.
        var source: String?
        /// Bytes; nil leaves the kernel's default.
        var receiveBuffer: Int?
        /// Answers pings, of either mode.
        var isAlive = true
        /// Reads what comes; it may begin later (``SocketClient/read()``).
        var isReading = true
        /// Sees pings among its events.
        var seesPings = false
        /// Sees pongs among its events.
        var seesPongs = false
        /// Told of every text or binary frame, instead of the inbox.
        var onMessage: (@Sendable (ByteBuffer) -> Void)?
    }

    /// What came.
    enum Event: Sendable {
        case text(String)
        case binary(ByteBuffer)
        case ping
        case pong(ByteBuffer)
        case close(Closing)
    }

    /// A close frame.
    struct Closing: Hashable, Sendable {
        /// nil: a close frame without a code.
        var code: Int?
        var reason: String
    }

    /// The server did not upgrade.
    struct Refused: Error, CustomStringConvertible {
        let answer: API.Answer
        var description: String { "refused: \(answer)" }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    let channel: any Channel
    let events: Inbox<Event>

    private init(channel: any Channel, events: Inbox<Event>) {
        self.channel = channel
        self.events = events
    }

    private enum Upgrade: Sendable {
        case done(SocketClient)
        case refused(EventLoopFuture<API.Answer>)
    }

    /// - Throws: ``Refused`` with the answer of the server.
    static func connect(_ options: Options) async throws -> SocketClient {
        switch try await upgrade(options).get(within: .seconds(15), "the answer to \(options.target)") {
        case .done(let client): return client
        case .refused(let answer): throw Refused(answer: try await answer.get(within: .seconds(10), "a whole refusal"))
        }
    }

    private static func upgrade(_ options: Options) async throws -> EventLoopFuture<Upgrade> {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(10))
        if let source = options.source { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0)) }
        if let bytes = options.receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(bytes))
        }
        return try await bootstrap.connect(host: "127.0.0.1", port: options.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: pipeline(options))
            }
        }
    }

    private static func pipeline(_ options: Options) -> NIOUpgradableHTTPClientPipelineConfiguration<Upgrade> {
        var headers = options.headers
        headers.replaceOrAdd(name: "Host", value: "127.0.0.1:\(options.port)")
        if !options.subprotocols.isEmpty {
            headers.add(name: "Sec-WebSocket-Protocol", value: options.subprotocols.joined(separator: ", "))
        }
        let upgrader = NIOTypedWebSocketClientUpgrader<Upgrade>(
            maxFrameSize: 16 * 1024 * 1024, enableAutomaticErrorHandling: false
        ) { channel, head in
            channel.eventLoop.makeCompletedFuture {
                let events = Inbox<Event>()
                let isFramed = head.headers["Sec-WebSocket-Protocol"] == ["switchboard.v1"]
                if !options.isReading { try channel.syncOptions?.setOption(.autoRead, value: false) }
                try channel.pipeline.syncOperations.addHandler(
                    SocketHandler(options: options, isFramed: isFramed, events: events))
                return .done(SocketClient(channel: channel, events: events))
            }
        }
        let upgrade = NIOTypedHTTPClientUpgradeConfiguration<Upgrade>(
            upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: options.target, headers: headers),
            upgraders: [upgrader]
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                let promise = channel.eventLoop.makePromise(of: API.Answer.self)
                try channel.pipeline.syncOperations.addHandler(AnswerHandler { promise.completeWith($0) })
                return .refused(promise.futureResult)
            }
        }
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: upgrade)
        // The first frame may come in the same segment as the answer.
        configuration.leftOverBytesStrategy = .forwardBytes
        return configuration
    }

    // MARK: What it gets

    /// The next message; pings are passed over.
    ///
    /// - Throws: ``Unexpected`` when the connection is closed instead, or ``Late``.
    func message(within time: Duration = .seconds(5)) async throws -> Event {
        while true {
            switch try await events.next(within: time, "a message") {
            case .text(let text): return .text(text)
            case .binary(let bytes): return .binary(bytes)
            case .ping, .pong: continue
            case .close(let closing): throw Unexpected(description: "closed: \(closing)")
            }
        }
    }

    func text(within time: Duration = .seconds(5)) async throws -> String {
        let message = try await message(within: time)
        guard case .text(let text) = message else { throw Unexpected(description: "text expected, not \(message)") }
        return text
    }

    func binary(within time: Duration = .seconds(5)) async throws -> ByteBuffer {
        let message = try await message(within: time)
        guard case .binary(let bytes) = message else {
            throw Unexpected(description: "binary expected, not \(message)")
        }
        return bytes
    }

    /// The close frame, whatever comes before it.
    func closing(within time: Duration = .seconds(5)) async throws -> Closing {
        while true {
            if case .close(let closing) = try await events.next(within: time, "a close frame") { return closing }
        }
    }

    /// Until the TCP connection has ended.
    func ended(within time: Duration = .seconds(8)) async throws {
        try await channel.closeFuture.get(within: time, "the end of the connection")
    }

    // MARK: What it sends

    func send(_ text: String) async throws { try await send(.text, ByteBuffer(string: text)) }

    /// One whole message, masked as RFC 6455 section 5.3 asks of clients.
    func send(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer) async throws {
        try await send(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: bytes))
    }

    func send(_ frame: WebSocketFrame) async throws { try await channel.writeAndFlush(frame) }

    /// Bytes past NIO's frame encoder, for what a good client never sends.
    func sendRaw(_ bytes: [UInt8]) async throws {
        try await channel.pipeline.context(handlerType: WebSocketFrameEncoder.self).flatMap { context in
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)))
        }.get()
    }

    /// From now on it reads.
    func read() async throws { try await channel.setOption(.autoRead, value: true).get() }

    /// Ends the TCP connection without a close frame.
    func drop() async { try? await channel.close() }

    /// Closes in good order.
    func leave(code: UInt16 = 1000) async throws {
        var data = ByteBuffer()
        data.writeInteger(code)
        try await send(.connectionClose, data)
        try await ended()
    }

    /// `ADDRESS:PORT`, as a node sees it that is not behind a proxy.
    var address: String {
        guard let local = channel.localAddress, let ip = local.ipAddress, let port = local.port else {
            return "unknown"
        }
        return "\(ip):\(port)"
    }
}

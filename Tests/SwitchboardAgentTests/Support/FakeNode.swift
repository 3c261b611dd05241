import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import SwitchboardProtocol
import Synchronization
import Testing

/// A WebSocket server that does what a test tells it, on a free port of the loopback interface.
final class FakeNode: Sendable {
    enum Answer: Sendable {
        case accept
        /// Accepts, and answers the offer of extensions so.
        case acceptWith(extensions: String)
        /// Accepts with this subprotocol; nil for none.
        case acceptAs(String?)
        case refuse(Int, HTTPHeaders = [:], body: String = "")
        /// Accepts, and ends the TCP connection with it.
        case acceptAndCut
        /// Reads the request and says nothing.
        case mute
    }

    let port: Int
    /// The WebSockets that were opened.
    let connections = Inbox<FakeConnection>()
    /// The request targets that were asked for, refused ones too.
    let requests = Inbox<String>()
    private let listener: any Channel
    private let channels = Channels()

    /// - Parameters:
    ///   - answers: What the first, second, ... request gets; the last one holds for all that follow.
    ///   - tls: Speaks TLS with this context.
    init(_ answers: Answer..., tls: NIOSSLContext? = nil) async throws {
        let (connections, requests, channels) = (connections, requests, channels)
        let script = Script(answers.isEmpty ? [.accept] : answers)
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // With both, NIOSSL does not end its shutdown before its own time limit.
            .childChannelOption(.allowRemoteHalfClosure, value: tls == nil)
            .childChannelInitializer { channel in
                channels.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    let answer = NIOLoopBoundBox<Answer>(.accept, eventLoop: channel.eventLoop)
                    _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                        configuration: Self.pipeline(answer, script, connections, requests))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try #require(listener.localAddress?.port)
    }

    var url: String { "ws://127.0.0.1:\(port)" }

    /// Stops listening and ends every connection.
    func stop() async throws {
        try await listener.close()
        channels.close()
    }

    private static func pipeline(
        _ answer: NIOLoopBoundBox<Answer>, _ script: Script, _ connections: Inbox<FakeConnection>,
        _ requests: Inbox<String>
    ) -> NIOUpgradableHTTPServerPipelineConfiguration<Void> {
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            maxFrameSize: 1 << 24, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                answer.value = script.next()
                requests.put(head.uri)
                let headers: HTTPHeaders? =
                    switch answer.value {
                    case .accept, .acceptAndCut: ["Sec-WebSocket-Protocol": ConnectionMode.framedSubprotocol]
                    case .acceptWith(let extensions):
                        [
                            "Sec-WebSocket-Protocol": ConnectionMode.framedSubprotocol,
                            "Sec-WebSocket-Extensions": extensions,
                        ]
                    case .acceptAs(let name): name.map { ["Sec-WebSocket-Protocol": $0] } ?? [:]
                    case .refuse, .mute: nil
                    }
                return channel.eventLoop.makeSucceededFuture(headers)
            },
            upgradePipelineHandler: { channel, head in
                if case .acceptAndCut = answer.value { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    let connection = FakeConnection(channel: channel, request: head)
                    try channel.pipeline.syncOperations.addHandler(FrameCollector(connection.frames))
                    connections.put(connection)
                }
            })
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Void>(upgraders: [upgrader]) { channel in
            guard case .refuse(let status, var headers, let body) = answer.value else {
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            headers.replaceOrAdd(name: "content-length", value: "\(body.utf8.count)")
            let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
            channel.write(HTTPServerResponsePart.head(head), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
            return channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        }
        return NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
    }
}

/// The accepted connections.
private final class Channels: Sendable {
    private let channels = Mutex<[any Channel]>([])

    func add(_ channel: any Channel) {
        channels.withLock { $0.append(channel) }
    }

    func close() {
        for channel in channels.withLock({ $0 }) { channel.close(promise: nil) }
    }
}

/// The answers in their order.
private final class Script: Sendable {
    private let answers: [FakeNode.Answer]
    private let position = Mutex(0)

    init(_ answers: [FakeNode.Answer]) {
        self.answers = answers
    }

    func next() -> FakeNode.Answer {
        position.withLock { position in
            defer { position += 1 }
            return answers[min(position, answers.count - 1)]
        }
    }
}

private final class FrameCollector: ChannelInboundHandler, Sendable {
    typealias InboundIn = WebSocketFrame

    private let frames: Inbox<WebSocketFrame>

    init(_ frames: Inbox<WebSocketFrame>) {
        self.frames = frames
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.put(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        frames.end()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }
}

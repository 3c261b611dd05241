import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import SwitchboardAgent
import SwitchboardProtocol

/// One WebSocket through the public URL that is left alone.
struct QuietConnection {
    /// For the answer to the upgrade, and again for the node's hello.
    private static let patience = TimeAmount.seconds(15)

    /// Why there is no connection, in a person's words.
    struct Failed: Error {
        let reason: String
        /// The status of an answer that is no upgrade.
        var status: Int?
    }

    let hello: ServerFrame.Hello
    private let channel: any Channel
    private let events: AsyncStream<QuietSocket.Event>
    private let inlet: AsyncStream<QuietSocket.Event>.Continuation

    /// - Throws: ``Failed``.
    init(_ url: String, ca: String?, client: ClientID, headers: HTTPHeaders = [:]) async throws {
        let (events, inlet) = AsyncStream.makeStream(of: QuietSocket.Event.self, bufferingPolicy: .bufferingOldest(16))
        (self.events, self.inlet) = (events, inlet)
        try await Self.upgrade(url, ca, client, headers) { inlet.yield($0) }
        let reminder = Self.remind(inlet, in: Self.patience)
        defer { reminder.cancel() }
        var opened: (any Channel)?
        for await event in events {
            switch event {
            case .opened(let channel):
                opened = channel
                Self.greet(channel)
            case .hello(let hello):
                guard let opened else { continue }
                (self.hello, self.channel) = (hello, opened)
                return
            case .ended(_, let reason): throw Failed(reason: reason)
            case .timeUp: throw Failed(reason: "the upgrade was accepted, but nothing more came")
            case .heartbeat: continue
            }
        }
        throw Failed(reason: "stopped")
    }

    private static func upgrade(
        _ url: String, _ ca: String?, _ client: ClientID, _ headers: HTTPHeaders,
        report: @escaping @Sendable (QuietSocket.Event) -> Void
    ) async throws {
        var configuration = AgentConfiguration(url: url)
        if let ca { configuration.trustCertificates(atPath: ca) }
        let connector = try Connector(configuration)
        do {
            let outcome = try await connector.connect(
                on: MultiThreadedEventLoopGroup.singleton.next(),
                target: connector.endpoint.target(client: client, groups: [], labels: [:]), headers: headers,
                willConnect: { channel in
                    channel.eventLoop.assumeIsolated().scheduleTask(in: patience) {
                        let socket = try? channel.pipeline.syncOperations.handler(type: QuietSocket.self)
                        if socket == nil { channel.close(promise: nil) }
                    }
                },
                makeHandler: { _ in QuietSocket(report: report) })
            guard case .refused(let refusal) = outcome else { return }
            let answer = try await refusal.get()
            throw Failed(reason: "\(answer)", status: answer.status)
        } catch let failed as Failed {
            throw failed
        } catch {
            throw Failed(reason: AttemptReason.text(of: error, endpoint: connector.endpoint))
        }
    }

    /// The request has promised it, so the node waits for it.
    private static func greet(_ channel: any Channel) {
        var hello = ByteBuffer()
        ClientFrame.hello(ClientFrame.Hello()).write(into: &hello)
        let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: hello)
        channel.writeAndFlush(frame, promise: nil)
    }

    private static func remind(
        _ inlet: AsyncStream<QuietSocket.Event>.Continuation, in time: TimeAmount
    ) -> Scheduled<Void> {
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: time) { _ = inlet.yield(.timeUp) }
    }

    /// This end's, as `IP:PORT`.
    var address: String {
        let address = channel.localAddress
        let ip = address?.ipAddress ?? ""
        return (ip.contains(":") ? "[\(ip)]" : ip) + ":\(address?.port ?? 0)"
    }

    /// What comes first: a heartbeat, the end, or that many seconds.
    func silence(atMost seconds: Double) async -> QuietSocket.Event {
        let reminder = Self.remind(inlet, in: .nanoseconds(Int64(seconds * 1e9)))
        defer { reminder.cancel() }
        for await event in events {
            switch event {
            case .heartbeat, .ended, .timeUp: return event
            case .opened, .hello: continue
            }
        }
        return .timeUp
    }

    func close() async {
        var code = ByteBuffer()
        code.write(webSocketErrorCode: .normalClosure)
        let frame = WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: code)
        try? await channel.writeAndFlush(frame)
        try? await channel.close()
    }
}

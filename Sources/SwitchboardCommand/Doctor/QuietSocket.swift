import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// A framed client that says nothing by itself, and tells how long it was left alone.
final class QuietSocket: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    enum Event: Sendable {
        /// There is a WebSocket, once the upgrade is done.
        case opened(any Channel)
        /// The node's first frame.
        case hello(ServerFrame.Hello)
        /// A ping, after that many seconds of silence.
        case heartbeat(Double)
        /// The connection has ended, after that many seconds of silence.
        case ended(Double, reason: String)
        /// None of these came in time.
        case timeUp
    }

    private let report: @Sendable (Event) -> Void
    private var reader = MessageReader(side: .client, maximumMessageBytes: 4 << 20)
    private var lastHeard = NIODeadline.now()
    private var hasEnded = false

    /// - Parameter report: Called on the event loop.
    init(report: @escaping @Sendable (Event) -> Void) {
        self.report = report
    }

    func handlerAdded(context: ChannelHandlerContext) {
        report(.opened(context.channel))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let silence = seconds
        lastHeard = .now()
        reader.feed(unwrapInboundIn(data))
        while let event = reader.next() { take(event, silence) }
    }

    private func take(_ event: MessageEvent, _ silence: Double) {
        switch event {
        case .text(let text): received(try? ServerFrame(parsing: text), silence)
        case .close(let code, let reason): end(silence, "the node closed it: \(code.rawValue) \(reason)")
        case .violation(_, let reason): end(silence, "what came is no WebSocket: \(reason)")
        case .incomplete, .binary, .ping, .pong: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(seconds, "the connection was cut")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(seconds, "the connection was cut: \(error)")
        context.close(promise: nil)
    }

    private var seconds: Double { Double((NIODeadline.now() - lastHeard).nanoseconds) / 1e9 }

    private func received(_ frame: ServerFrame?, _ silence: Double) {
        switch frame {
        case .hello(let hello): report(.hello(hello))
        case .ping: report(.heartbeat(silence))
        default: break
        }
    }

    private func end(_ silence: Double, _ reason: String) {
        guard !hasEnded else { return }
        hasEnded = true
        report(.ended(silence, reason: reason))
    }
}

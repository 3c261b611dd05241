import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// Carries messages between an open WebSocket and the agent; the rules are in ``AgentConnectionState``.
final class LinkHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Triggered on the channel when the agent reads again.
    struct GoOn {}

    /// What has come and was not handed over when the connection ended is handed over nevertheless, up to so many bytes. The
    /// kernel holds less; compressed it could be without end.
    private static let mostAtTheEnd = 16 << 20

    private let agent: Agent
    /// Which of the agent's links this is; the agent does not hear of those that it gave up.
    private let number: Int
    private let agreement: DeflateAgreement?
    private var reader: MessageReader
    private var isOver = false
    private var isHandingOver = false

    /// - Parameter agreement: nil without compression.
    init(agent: Agent, number: Int, maximumMessageBytes: Int, agreement: DeflateAgreement?) {
        self.agent = agent
        self.number = number
        self.agreement = agreement
        reader = MessageReader(side: .client, maximumMessageBytes: maximumMessageBytes, agreement: agreement)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        agent.assumeIsolated { [number, agreement] in $0.linkOpened(channel, number: number, agreement) }
        // The connection may have ended while the upgrade was under way: then no channelInactive comes here any more.
        guard !channel.isActive else { return }
        isOver = true
        agent.assumeIsolated { [number] in $0.linkEnded("the connection was lost", number: number) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        agent.assumeIsolated { [number] in $0.linkHasTraffic(number: number) }
        guard !isOver else { return }
        reader.feed(unwrapInboundIn(data))
        handOver()
    }

    /// Hands over what has come for as long as the agent takes it: a few compressed bytes may be many.
    private func handOver() {
        guard !isHandingOver else { return }
        isHandingOver = true
        defer { isHandingOver = false }
        while !isOver, agent.assumeIsolated({ $0.isReading }), let event = reader.next() { handOver(event) }
    }

    private func handOver(_ event: MessageEvent) {
        switch event {
        case .violation, .close: isOver = true
        case .incomplete, .text, .binary, .ping, .pong: break
        }
        agent.assumeIsolated { [number] in $0.linkReceived(event, number: number) }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is GoOn else { return context.triggerUserOutboundEvent(event, promise: promise) }
        handOver()
        promise?.succeed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        agent.assumeIsolated { [number] in $0.linkIsWritable(isWritable, number: number) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        var left = Self.mostAtTheEnd
        while !isOver, left > 0, let event = reader.next() {
            if case .text(let text) = event { left -= text.readableBytes }
            handOver(event)
        }
        agent.assumeIsolated { [number] in $0.linkEnded("the connection was lost", number: number) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isOver else { return }
        isOver = true
        let reason = "the connection was lost: \(error)"
        agent.assumeIsolated { [number] in $0.linkEnded(reason, number: number) }
        context.close(promise: nil)
    }
}

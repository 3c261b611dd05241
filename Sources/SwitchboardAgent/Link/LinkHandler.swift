import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// Carries frames between an open WebSocket and the agent; the rules are in ``AgentConnectionState``.
final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let agent: Agent
    /// Which of the agent's links this is; the agent does not hear of those that it gave up.
    private let number: Int
    private var assembler: MessageAssembler
    private var isOver = false

    init(agent: Agent, number: Int, maximumMessageBytes: Int) {
        self.agent = agent
        self.number = number
        self.assembler = MessageAssembler(side: .client, maximumMessageBytes: maximumMessageBytes)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        agent.assumeIsolated { [number] in $0.linkOpened(channel, number: number) }
        // The connection may have ended while the upgrade was under way: then no channelInactive comes here any more.
        guard !channel.isActive else { return }
        isOver = true
        agent.assumeIsolated { [number] in $0.linkEnded("the connection was lost", number: number) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let event = assembler.feed(unwrapInboundIn(data))
        switch event {
        case .violation, .close: isOver = true
        case .incomplete, .text, .binary, .ping, .pong: break
        }
        agent.assumeIsolated { [number] in $0.linkReceived(event, number: number) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Also fired when the decoder still waits for the rest of a large frame: that is traffic, too.
        agent.assumeIsolated { [number] in $0.linkHasTraffic(number: number) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        agent.assumeIsolated { [number] in $0.linkIsWritable(isWritable, number: number) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        agent.assumeIsolated { [number] in $0.linkEnded("the connection was lost", number: number) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOWebSocketError, !isOver {
            isOver = true
            let code = CloseCode(decoderError: error)
            agent.assumeIsolated { [number] in $0.linkIsUndecodable(code, number: number) }
        } else if !isOver {
            isOver = true
            let reason = "the connection was lost: \(error)"
            agent.assumeIsolated { [number] in $0.linkEnded(reason, number: number) }
            context.close(promise: nil)
        }
    }
}

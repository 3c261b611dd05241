import Logging
import NIOCore
import NIOTLS

/// What came of TLS handshakes.
enum HandshakeOutcome: String, CaseIterable, Sendable {
    case completed
    case failed
    case timeout
    /// There were too many, and it lasted.
    case displaced
    /// There were too many, and none lasted.
    case refused
}

/// Directly behind TLS: a handshake has to end in time, and only so many may be under way.
final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let shard: Shard
    private var context: ChannelHandlerContext?
    private var number: UInt64 = 0
    private var deadline: Scheduled<Void>?
    private var isOver = false

    init(shard: Shard) { self.shard = shard }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        switch shard.handshakes.begin(self, now: MonotonicClock.nanoseconds()) {
        case .refused: return cut(.refused)
        case .admitted(let number, let displaced):
            self.number = number
            displaced?.cut(.displaced)
        }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(seconds: shard.node.configuration.headTimeout)
        ) {
            [self] in cut(.timeout)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.failed)
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .handshakeCompleted? = event as? TLSUserEvent else { return }
        end(.completed)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIOSSL has closed the connection; nothing behind can do more.
        guard !isOver else { return context.fireErrorCaught(error) }
        shard.node.logger.debug("a TLS handshake failed", metadata: ["error": "\(error)"])
        end(.failed)
    }

    private func cut(_ outcome: HandshakeOutcome) {
        guard !isOver else { return }
        end(outcome)
        context?.close(promise: nil)
    }

    private func end(_ outcome: HandshakeOutcome) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        shard.handshakes.end(number)
        shard.counters.handshakes.count(outcome)
    }
}

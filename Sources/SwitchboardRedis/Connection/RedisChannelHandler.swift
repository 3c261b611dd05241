import NIOCore
import SwitchboardCore

/// Drives a ``CommandQueue`` on one connection: bytes in, replies to whoever waits for them, commands out.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What happens on a connection besides replies; called on its event loop.
    struct Events: Sendable {
        /// Something published, or the confirmation of a subscription.
        var delivered: @Sendable (RESPReply) -> Void
        /// Once, before the waiting commands fail: whoever hears of a failure finds the link closed.
        var closed: @Sendable (RedisTrouble) -> Void
    }

    private let inbox: CommandInbox
    private let timeout: TimeAmount
    private let events: Events
    private var parser: RESPParser
    private var queue = CommandQueue()
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isClosed = false

    init(inbox: CommandInbox, timeout: TimeAmount, symbols: [String], replyLimit: Int, events: Events) throws {
        self.inbox = inbox
        self.timeout = timeout
        self.events = events
        self.parser = try RESPParser(symbols: symbols, limit: replyLimit)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(.closed)
        self.context = nil
    }

    /// Sends what is in the inbox.
    func collect() {
        let (bytes, commands) = inbox.take()
        switch queue.send(commands, deadline: .now() + timeout) {
        case .send: break
        case .sendAndArm(let deadline): arm(deadline)
        case .fail(let commands, let error):
            for command in commands { command.fail(error) }
            return
        }
        guard let context else { return }
        for segment in bytes { context.write(wrapOutboundOut(segment), promise: nil) }
        context.flush()
    }

    func listen() { queue.listen() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        var answered = 0
        var bytes = 0
        do throws(RESPError) {
            try parser.parse(unwrapInboundIn(data)) { reply in
                switch queue.received(reply) {
                case .complete(let command, let reply):
                    answered += 1
                    bytes += command.bytes
                    command.complete(reply)
                case .completeAndClose(let command, let reply, let trouble):
                    command.complete(reply)
                    close(trouble)
                case .deliver(let reply):
                    if !isClosed { events.delivered(reply) }
                case .close(let trouble): close(trouble)
                }
            }
        } catch {
            close(.protocolError(error.description))
        }
        if answered > 0 { inbox.answered(answered, bytes: bytes) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(.closed)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { close(.closed) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.unreachable("\(error)"))
    }

    private func timerFired() {
        timer = nil
        switch queue.deadlinePassed(now: .now()) {
        case .nothing: break
        case .arm(let deadline): arm(deadline)
        case .close(let trouble): close(trouble)
        }
    }

    /// Fails what waits, at once, then closes the connection.
    func close(_ trouble: RedisTrouble) {
        guard !isClosed else { return }
        isClosed = true
        timer?.cancel()
        timer = nil
        events.closed(trouble)
        let error = trouble.busError
        for command in inbox.close(trouble) { command.fail(error) }
        for command in queue.close(error) { command.fail(error) }
        context?.close(promise: nil)
    }

    private func arm(_ deadline: NIODeadline) {
        guard timer == nil, let context else { return }
        // Never cancelled when the queue runs empty, so it is set once in a timeout at most, not once per command.
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
    }
}

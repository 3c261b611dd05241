import Logging
import NIOCore
import SwitchboardCore

/// One connection to Redis: pipelined commands with a bounded queue and a deadline each.
final class RedisConnection: Sendable {
    let channel: any Channel
    private let inbox: CommandInbox
    private let handler: NIOLoopBound<RedisChannelHandler>

    init(channel: any Channel, inbox: CommandInbox, handler: NIOLoopBound<RedisChannelHandler>) {
        self.channel = channel
        self.inbox = inbox
        self.handler = handler
    }

    /// Why it is of no use any more; nil while it is.
    var trouble: RedisTrouble? { inbox.trouble }

    /// Commands sent since the beginning.
    var commands: Int { inbox.accepted }

    /// Sends one command; what comes of it goes to `consumer`, on the connection's event loop or, when it is refused at
    /// once, on this thread.
    ///
    /// - Parameter isAsking: Redis is told right before it that the command was redirected here by `ASK`.
    func send(
        _ consumer: PendingCommand.Consumer, isAsking: Bool = false, _ write: (inout CommandBuffer) -> Void
    ) {
        switch inbox.add(consumer, isAsking: isAsking, write) {
        case .accepted: break
        case .acceptedFirst: channel.eventLoop.execute { [handler] in handler.value.collect() }
        case .refused(let error): PendingCommand(consumer: consumer, bytes: 0).fail(error)
        }
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Throws: ``BusError``, also for an error reply.
    func ask(_ write: (inout CommandBuffer) -> Void) async throws -> RESPReply {
        try await withCheckedThrowingContinuation { continuation in
            send(.reply { continuation.resume(with: $0) }, write)
        }
    }

    /// Everything that is received from now on and answers no command goes to the connection's `delivered`.
    func subscribe(to channels: [String], by dialect: PubSubDialect = .plain) {
        channel.eventLoop.execute { [handler, channel] in
            handler.value.listen()
            var buffer = CommandBuffer()
            // One by one: sharded channels of one command would have to be on one slot.
            for name in channels {
                buffer.command(arguments: 2)
                buffer.argument(dialect.subscribe)
                buffer.argument(name)
            }
            for segment in buffer.take() { channel.write(segment, promise: nil) }
            channel.flush()
        }
    }

    /// Fails every waiting command and closes.
    func close(_ trouble: RedisTrouble) {
        let eventLoop = channel.eventLoop
        if eventLoop.inEventLoop { return handler.value.close(trouble) }
        eventLoop.execute { [handler] in handler.value.close(trouble) }
    }
}

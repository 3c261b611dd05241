import NIOCore
import NIOHTTP1

/// Notices that whoever sent a request has gone while the answer is still awaited: the framework looks at the connection
/// only when it reads or writes.
///
/// A caller that closes only its sending side counts as gone as well, since a connection that is closed looks the same
/// until something is written to it (RFC 9112 section 9.6).
final class CallerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private var hasGone = false
    private var whenGone: (@Sendable () -> Void)?

    func channelInactive(context: ChannelHandlerContext) {
        gone()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { gone() }
        context.fireUserInboundEventTriggered(event)
    }

    private func gone() {
        hasGone = true
        whenGone?()
        whenGone = nil
    }

    /// - Parameter body: Called when the caller goes, at once when it has gone already. It takes the place of an earlier one;
    ///   a connection has one request at a time.
    fileprivate func watch(_ body: (@Sendable () -> Void)?) {
        whenGone = body
        if hasGone { gone() }
    }
}

/// Whoever waits for an answer.
struct Caller: Sendable {
    let channel: any Channel

    /// Runs `body` in a task that is cancelled when the caller goes.
    ///
    /// - Throws: what `body` throws.
    func attending<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = Task { try await body() }
        watch { task.cancel() }
        defer { watch(nil) }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// - Parameter body: Called when the caller goes, on any thread; nil when nobody wants to know any more.
    func watch(_ body: (@Sendable () -> Void)?) {
        let channel = channel
        channel.eventLoop.execute {
            guard let handler = try? channel.pipeline.syncOperations.handler(type: CallerHandler.self) else {
                // The pipeline is taken down: the connection is closed.
                body?()
                return
            }
            handler.watch(body)
        }
    }
}

import FoundationEssentials
import NIOCore
public import SwitchboardProtocol

extension Agent {
    /// Sends a message up and waits until a node has accepted it.
    ///
    /// While there is no link the message waits; after a reconnect it is sent again with the same id, which the cluster
    /// accepts once.
    ///
    /// - Parameters:
    ///   - payload: The message.
    ///   - id: Names the message; a ULID unless given.
    ///   - timeout: How long to wait, over all reconnects.
    /// - Returns: The message's id.
    /// - Throws: ``AgentError``, or `CancellationError` when the task was cancelled; in both cases a node may still have
    ///   accepted the message.
    @discardableResult
    public func send(_ payload: Payload, id: String? = nil, timeout: Duration = .seconds(30)) async throws -> String {
        let id = id ?? ids.next(milliseconds: UInt64(Date().timeIntervalSince1970 * 1000))
        try check(payload, in: .message(id: id, payload: payload))
        guard state.phase != .finished else { throw AgentError.stopped }
        try Task.checkCancellation()
        try outbox.add(id: id, payload: payload)
        let timer = eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated { $0.settle(id, .failure(AgentError.timedOut)) }
        }
        defer { timer.cancel() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiters[id] = continuation
                flushOutbox()
            }
        } onCancel: {
            Task { await self.settle(id, .failure(CancellationError())) }
        }
        return id
    }

    /// Whether the node would take this.
    func check(_ payload: Payload, in frame: ClientFrame) throws(AgentError) {
        switch payload.format {
        case .json:
            do throws(JSONError) { try JSONDocument.validate(payload.bytes) } catch {
                throw .invalidPayload(error.description)
            }
        case .text:
            guard UTF8Text.isValid(payload.bytes) else { throw .invalidPayload("not valid UTF-8") }
        case .binary: break
        }
        var text = ByteBuffer()
        frame.write(into: &text)
        guard text.readableBytes <= configuration.maximumOutgoingBytes else {
            throw .messageTooLarge(limit: configuration.maximumOutgoingBytes)
        }
    }

    /// A message needs no more waiting.
    func settle(_ id: String, _ result: Result<Void, any Error>) {
        outbox.remove(id: id)
        waiters.removeValue(forKey: id)?.resume(with: result)
    }

    /// Sends what may leave now, and sets the timer for what the rate holds back.
    func flushOutbox() {
        guard state.isOnline, let link, link.isWritable else { return }
        outboxTimer?.cancel()
        let due = outbox.due(.now())
        for frame in due.frames { write(frame) }
        outboxTimer = due.next.map { deadline in
            eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.flushOutbox() } }
        }
    }

    /// The agent has ended: nobody shall wait any more.
    func abandonOutbox() {
        outboxTimer?.cancel()
        for id in outbox.removeAll() { waiters.removeValue(forKey: id)?.resume(throwing: AgentError.stopped) }
    }
}

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
        let id = id ?? newID()
        let frame = ClientFrame.message(id: id, payload: payload)
        try check(payload, in: frame)
        try await sendAndWait(frame, id: id, bytes: payload.bytes.readableBytes, timeout: timeout)
        return id
    }

    func sendAndWait(_ frame: ClientFrame, id: String, bytes: Int, timeout: Duration) async throws {
        guard state.phase != .finished else { throw AgentError.stopped }
        try Task.checkCancellation()
        try outbox.add(id: id, frame: frame, bytes: bytes)
        let timer = eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated { $0.settle(id, .failure(AgentError.timedOut)) }
        }
        defer { timer.cancel() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiters[id] = { continuation.resume(with: $0) }
                flushOutbox()
            }
        } onCancel: {
            Task { await self.settle(id, .failure(CancellationError())) }
        }
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
        waiters.removeValue(forKey: id)?(result)
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
        for id in outbox.removeAll() { waiters.removeValue(forKey: id)?(.failure(AgentError.stopped)) }
    }
}

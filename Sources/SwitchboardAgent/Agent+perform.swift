import Logging
import NIOCore
import NIOWebSocket
import SwitchboardProtocol

extension Agent {
    /// Carries out what the state machine asks for.
    func perform(_ actions: [AgentConnectionState.Action]) {
        for action in actions { perform(action) }
        rearm()
    }

    private func perform(_ action: AgentConnectionState.Action) {
        switch action {
        case .connect: connect()
        case .send(let frame):
            if link?.isWritable == true { write(frame) }
        case .pong(let bytes):
            if link?.isWritable == true { write(.pong, bytes) }
        case .close(let code, let reason): writeClose(code, reason)
        case .cut: cut()
        case .begin: begin()
        case .end(let code): end(code)
        case .push(let push):
            let isFull = gate.add(bytes: push.payload.bytes.readableBytes)
            pushes.continuation.yield(push)
            if isFull { updateReading() }
        case .acknowledged(let ref): settle(ref, .success(()))
        case .rejected(let ref, let code, let message):
            if waiters[ref] != nil {
                settle(ref, .failure(AgentError.rejected(code: code, message: message)))
            } else {
                events.continuation.yield(.refused(code: code, message: message))
            }
        case .event(let event): events.continuation.yield(event)
        case .finish(let error): finish(error)
        }
    }

    private func begin() {
        flushOutbox()
        reportHealth()
    }

    private func end(_ code: CloseCode) {
        outboxTimer?.cancel()
        healthTimer?.cancel()
        // Sent again, a message that the node finds too big would end every link to come.
        if code == .messageTooBig, let id = outbox.largestSent {
            settle(id, .failure(AgentError.messageTooLarge(limit: configuration.maximumOutgoingBytes)))
        }
        outbox.rewind()
    }

    private func finish(_ error: AgentError?) {
        abandonOutbox()
        healthTimer?.cancel()
        healthTask?.cancel()
        pushes.continuation.finish()
        events.continuation.finish()
        finished?.resume(returning: error)
        finished = nil
    }

    /// The handler is done with a push.
    func handled(_ push: ServerFrame.Push) {
        if gate.remove(bytes: push.payload.bytes.readableBytes) { updateReading() }
    }

    /// Sets the timer to the state machine's deadline. A deadline that moved away needs no new timer: the early call is
    /// answered with the later deadline.
    func rearm() {
        guard let wakeAt = state.wakeAt else {
            wakeTimer?.cancel()
            armedAt = nil
            return
        }
        guard armedAt != wakeAt else { return }
        wakeTimer?.cancel()
        armedAt = wakeAt
        wakeTimer = eventLoop.scheduleTask(deadline: wakeAt) {
            self.assumeIsolated {
                $0.armedAt = nil
                $0.perform($0.state.wake(.now()))
            }
        }
    }

    // MARK: health

    private func reportHealth() {
        guard let health = handlers.health, configuration.healthInterval > 0, healthTask == nil else { return }
        healthTask = Task {
            let report = await health()
            healthTask = nil
            if let report { sendHealth(report) }
            guard state.isOnline else { return }
            healthTimer?.cancel()
            healthTimer = eventLoop.scheduleTask(in: .seconds(configuration.healthInterval)) {
                self.assumeIsolated { $0.reportHealth() }
            }
        }
    }

    private func sendHealth(_ report: ByteBuffer) {
        guard report.readableBytes <= ClientFrame.maximumHealthBytes, (try? JSONDocument(report)) != nil else {
            logger.warning("health is not a JSON object of at most \(ClientFrame.maximumHealthBytes) bytes: not sent")
            return
        }
        if state.isOnline, link?.isWritable == true { write(.health(data: report)) }
    }
}

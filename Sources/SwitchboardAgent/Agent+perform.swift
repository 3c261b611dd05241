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
        case .greet: greet()
        case .resumed(let channels): resumed(channels)
        case .push(let push, let bytes): received(push, bytes: bytes)
        case .group(let event, let bytes): received(event, bytes: bytes)
        case .command(let command): received(command)
        case .cancel(let id): cancel(id)
        case .terminal(let order): received(order)
        case .acknowledged(let ref):
            if ref == ServerFrame.tokenReference, credentials.accepted() {
                awaitRenewal()
            } else if waiters[ref] != nil {
                settle(ref, .success(()))
            } else if memory.commands.isAwaited(ref) {
                _ = note(.acknowledged(id: ref))
            }
        case .rejected(let ref, let code, let message):
            if ref == ServerFrame.tokenReference, credentials.rejected() {
                events.continuation.yield(.refused(code: code, message: message))
            } else if waiters[ref] != nil {
                settle(ref, .failure(AgentError.rejected(code: code, message: message)))
            } else {
                if memory.commands.isAwaited(ref) { resultRejected(ref, code: code) }
                // Named again at the next connection it would be the end of the agent.
                if code == "forbidden", let group = groups.first(where: { $0.rawValue == ref }) { giveUp(group) }
                events.continuation.yield(.refused(code: code, message: message))
            }
        case .event(let event): events.continuation.yield(event)
        case .finish(let error): finish(error)
        }
    }

    private func begin() {
        // What was joined or left since the handshake began, while nothing could be said of it.
        for group in groups where !namedGroups.contains(group) || wishes[group]?.watch == true { writeJoin(group) }
        for group in namedGroups where !groups.contains(group) { write(.leave(group: group)) }
        flush()
        reportHealth()
        awaitRenewal()
    }

    /// The node does not let the client into it.
    private func giveUp(_ group: GroupName) {
        groups.removeAll { $0 == group }
        wishes[group] = nil
        forget(group)
    }

    private func end(_ code: CloseCode) {
        endRenewal()
        outboxTimer?.cancel()
        healthTimer?.cancel()
        ackTimer?.cancel()
        ackTimer = nil
        // What is not acknowledged comes again, and is acknowledged then.
        acks = AckKeeper()
        if code == .messageTooBig { giveUpLargest() }
        outbox.rewind()
        memory.commands.rewind()
        terminalsLostLink()
    }

    /// Sent again, a message that the node finds too big would end every link to come.
    private func giveUpLargest() {
        let message = outbox.largestSent
        if let result = memory.commands.largestSent, result.bytes > message?.bytes ?? 0 {
            memory.commands.replace(result.id, .failure(500, "the node finds the result too big"))
        } else if let message {
            settle(message.id, .failure(AgentError.messageTooLarge(limit: configuration.maximumOutgoingBytes)))
        }
    }

    private func finish(_ error: AgentError?) {
        abandonOutbox()
        cancelCommands()
        endTerminals()
        wakeWaiters()
        attempt?.cancel()
        endRenewal()
        stopTimer?.cancel()
        ackTimer?.cancel()
        healthTimer?.cancel()
        healthTask?.cancel()
        arrivals.continuation.finish()
        events.continuation.finish()
        finished?.resume(returning: error)
        finished = nil
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

import NIOCore
import SwitchboardProtocol

extension Agent {
    /// A command that runs.
    struct RunningCommand {
        let task: Task<Void, Never>
        let timer: Scheduled<Void>
    }

    /// The longest time in seconds that a command may have; the node names less.
    private static let longestTimeout = 86_400.0

    func received(_ command: ServerFrame.Command) {
        guard isAdmitted(command) else { return }
        guard memory.commands.result(of: command.id) == nil else {
            memory.commands.repeated(command.id)
            return flushResults()
        }
        guard handlers.onCommand != nil else { return conclude(command.id, .unknownCommand) }
        guard !isStopping || desk.isRunning(command.id) else { return conclude(command.id, .stopping) }
        switch desk.arrived(command) {
        case .start: start(command)
        case .wait, .repeated: break
        case .full: conclude(command.id, .crowded)
        }
    }

    /// Nobody waits for the result any more.
    func cancel(_ id: String, _ reason: CommandDesk.Ending = .cancelled) {
        if desk.end(id, reason) {
            runningCommands[id]?.task.cancel()
        } else if desk.withdraw(id) {
            conclude(id, .cancelled)
        }
    }

    /// Those that wait for their turn are not begun any more.
    func withdrawCommands() {
        for id in desk.withdrawAll() { conclude(id, .stopping) }
    }

    func cancelCommands() {
        withdrawCommands()
        for command in runningCommands.values { command.task.cancel() }
    }

    private func start(_ command: ServerFrame.Command) {
        guard isInTime(command) else { return }
        // Not before the state file knows: after a crash midway it must not run a second time.
        guard let onCommand = handlers.onCommand, note(.started(id: command.id, at: Self.unixSeconds())) else { return }
        let id = command.id
        let timeout = min(max(command.timeout, 0.1), Self.longestTimeout)
        let request = CommandRequest(
            id: id, name: command.name, payload: command.payload, timeout: timeout, trace: command.trace,
            signedBy: commandGuard == nil ? nil : command.signature?.key, stream: { try await self.output(id, $0) })
        let task = Task {
            do { ended(id, try await onCommand(request)) } catch { ended(id, error, timeout: timeout) }
        }
        let timer = eventLoop.scheduleTask(in: .seconds(timeout)) { self.assumeIsolated { $0.cancel(id, .timedOut) } }
        runningCommands[id] = RunningCommand(task: task, timer: timer)
    }

    private func ended(_ id: String, _ error: any Error, timeout: Double) {
        guard error is CancellationError else { return ended(id, .failure(500, "\(error)")) }
        switch desk.reason(for: id) {
        case .cancelled: ended(id, .cancelled)
        case .timedOut: ended(id, .failure(504, "it did not end within \(timeout.brief) s"))
        case nil: ended(id, .failure(500, "the agent was stopped while it ran"))
        }
    }

    func ended(_ id: String, _ result: CommandResult) {
        runningCommands.removeValue(forKey: id)?.timer.cancel()
        let next = desk.ended(id)
        conclude(id, result)
        if let next { start(next) }
        endIfStopped()
    }

    // MARK: results

    /// A command has its result: it is kept, and sent until the node has taken it over.
    private func conclude(_ id: String, _ result: CommandResult) {
        guard note(.result(id: id, at: Self.unixSeconds(), sendable(id, result))) else { return }
        flushResults()
    }

    /// What cannot be sent is replaced by what is wrong with it: the link would end with it, again and again.
    private func sendable(_ id: String, _ result: CommandResult) -> CommandResult {
        guard let payload = result.payload else { return result }
        do throws(AgentError) {
            try check(payload, in: .result(id: id, status: result.status, payload: payload))
            return result
        } catch { return .failure(500, "the result cannot be sent: \(error)") }
    }

    func flushResults() {
        while state.isOnline, link?.isWritable == true, let frame = memory.commands.nextDue() { write(frame) }
    }

    /// The node refused a result. While its bus is down it asks for it again later; anything else is its last word.
    func resultRejected(_ id: String, code: String) {
        guard code == "bus_unavailable" else {
            _ = note(.acknowledged(id: id))
            return
        }
        eventLoop.scheduleTask(in: TimeAmount.milliseconds(1000)) {
            self.assumeIsolated { agent in
                guard agent.memory.commands.isAwaited(id) else { return }
                agent.memory.commands.repeated(id)
                agent.flushResults()
            }
        }
    }

    // MARK: output

    private func output(_ id: String, _ payload: Payload) async throws {
        let frame = ClientFrame.output(id: id, payload: payload)
        try check(payload, in: frame)
        while true {
            try Task.checkCancellation()
            guard state.phase != .finished else { throw AgentError.stopped }
            guard desk.isRunning(id) else { throw AgentError.commandEnded }
            if state.isOnline, link?.isWritable == true { return write(frame) }
            await roomOnLink()
        }
    }

    /// Returns when there may be a link that takes more, or the task was cancelled.
    private func roomOnLink() async {
        lastWaiter += 1
        let key = lastWaiter
        await withTaskCancellationHandler {
            await withCheckedContinuation { roomWaiters[key] = $0 }
        } onCancel: {
            Task { await self.wakeWaiter(key) }
        }
    }

    private func wakeWaiter(_ key: Int) {
        roomWaiters.removeValue(forKey: key)?.resume()
    }

    func wakeWaiters() {
        let waiters = roomWaiters.values
        roomWaiters = [:]
        for waiter in waiters { waiter.resume() }
    }
}

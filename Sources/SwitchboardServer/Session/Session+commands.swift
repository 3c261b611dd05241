import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Commands: at most so many run on the client, the rest wait here.
extension Session {
    func run(_ command: BusCommand) {
        guard mode == .framed else { return node.tell(.unsupported, of: command) }
        guard phase == .open else { return node.tell(.notHere, of: command) }
        switch commands.add(command, now: MonotonicClock.milliseconds()) {
        case .start: start(command)
        case .wait: break
        case .repeated: node.tell(.delivered, of: command)
        case .full: node.tell(.queueFull, of: command)
        }
    }

    private func start(_ command: BusCommand) {
        send(
            .command(
                ServerFrame.Command(
                    id: command.id.rawValue, name: command.name, payload: command.payload, timeout: command.timeout,
                    trace: command.trace, signature: command.signature)))
        node.tell(.delivered, of: command)
        node.note(.commandSent, of: command.id, for: command.client) { $0.string("name", command.name) }
        // A client that never answers must not keep the place for ever.
        let time = TimeAmount.milliseconds(Int64(min(command.timeout, BusCommand.maximumTimeout) * 1000))
        commandTimers[command.id] = shard.loop.scheduleTask(in: time) { [shard, place, id = command.id] in
            guard let session = shard.session(at: place), session.end(id) != nil else { return }
            session.send(.cancel(id: id.rawValue))
        }
    }

    /// - Returns: The command that ran under this id.
    private func end(_ id: CommandID) -> BusCommand? {
        commandTimers.removeValue(forKey: id)?.cancel()
        let (finished, next) = commands.finish(id, now: MonotonicClock.milliseconds())
        if let next, phase == .open { start(next) }
        return finished
    }

    func cancel(_ id: CommandID) {
        if commands.cancel(id) == .running { send(.cancel(id: id.rawValue)) }
    }

    // MARK: What the client says

    func output(_ id: String, _ payload: Payload) {
        guard let id = CommandID(rawValue: id), let command = commands.command(id) else { return }
        node.tell(.output(payload), of: command)
    }

    func result(_ id: String, _ status: Int, _ payload: Payload?) {
        guard let id = CommandID(rawValue: id), (100...599).contains(status) else {
            guard mayControl() else { return }
            return send(.error(code: "invalid_frame", message: "'status' must be 100-599", ref: id))
        }
        if let client = record?.client {
            node.note(.commandDone, of: id, for: client) { $0.integer("status", status) }
        }
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        let settled: @Sendable (Result<Void, BusError>) -> Void = { result in
            loop.execute { box.value.settled(id, result) }
        }
        if let command = end(id) {
            node.settle(command, status, payload, completion: settled)
        } else if mayWrite(), let client = record?.client {
            // It was given to an earlier session of this client: whoever waits for it may be on any node.
            node.settle(id, of: client, status, payload, completion: settled)
        }
    }

    /// The result is kept, so the client need not repeat it.
    private func settled(_ id: CommandID, _ result: Result<Void, BusError>) {
        switch result {
        case .success: send(.ack(ref: id.rawValue))
        case .failure(let error): send(.error(code: "bus_unavailable", message: error.description, ref: id.rawValue))
        }
    }

    /// The session has ended: those who wait are told what is known.
    func abandonCommands() {
        guard !commands.isEmpty else { return }
        let (running, waiting) = commands.removeAll()
        for timer in commandTimers.values { timer.cancel() }
        commandTimers.removeAll()
        for command in running { node.tell(.sessionEnded, of: command) }
        for command in waiting { node.tell(.notHere, of: command) }
    }
}

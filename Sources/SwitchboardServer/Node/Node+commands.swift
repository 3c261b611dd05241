import SwitchboardCore
import SwitchboardProtocol

/// Commands on their way to the client's session, and what comes back.
extension Node {
    func run(_ command: BusCommand) {
        guard let place = directory.place(of: command.client) else { return tell(.notHere, of: command) }
        on(shard(at: place)) { [self] shard in
            guard let session = shard.session(at: place) else { return tell(.notHere, of: command) }
            session.run(command)
        }
    }

    func tell(_ kind: CommandEvent.Kind, of command: BusCommand) {
        tell(kind, of: command.id, to: command.origin)
    }

    private func tell(_ kind: CommandEvent.Kind, of command: CommandID, to origin: NodeID) {
        let event = CommandEvent(id: command, node: id, kind: kind)
        if origin == id { commands.received(event) } else { bus.send(.commandEvent(event), to: origin) }
    }

    /// Tells whoever waits for a command that was not given to the session from which the event comes.
    func forward(
        _ kind: CommandEvent.Kind, of command: CommandID,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        commands.origin(of: command) { [self] result in
            if case .success(let origin?) = result {
                // Of a node that is gone nobody waits any more; the result is kept for who asks again.
                tell(kind, of: command, to: roster.living.contains(origin) ? origin : id)
            }
            completion(result.map { _ in })
        }
    }
}

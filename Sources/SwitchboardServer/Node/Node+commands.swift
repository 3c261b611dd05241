import NIOCore
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

    /// The client has answered: tells the caller, and keeps the result for the case that this does not reach it.
    ///
    /// - Parameter completion: Success when the client need not repeat its result.
    func settle(
        _ command: BusCommand, _ status: Int, _ payload: Payload?,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        var record = CommandRecord(id: command.id, client: command.client, name: command.name, origin: command.origin)
        record.outcome = .result(status: status, payload, milliseconds: 0)
        if command.origin == id {
            // The caller is here, and keeps the result itself.
            tell(.result(status: status, payload), of: command)
            return completion(.success(()))
        }
        // First kept, then told: the caller's own record, which knows the time that it took, comes after this one.
        store.write(.command(command.id), record.bytes, seconds: CommandRecord.lifetime) { [self] result in
            tell(.result(status: status, payload), of: command)
            completion(result)
        }
    }

    /// The same for a command that was given to an earlier session of the client.
    func settle(
        _ command: CommandID, of client: ClientID, _ status: Int, _ payload: Payload?,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        store.read(.command(command)) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let bytes):
                guard let record = bytes.flatMap({ CommandRecord($0) }), record.client == client, record.state != "done"
                else { return completion(.success(())) }
                let sent = BusCommand(
                    id: command, client: client, name: record.name, payload: Payload(format: .json, bytes: .init()),
                    timeout: 0, origin: roster.living.contains(record.origin) ? record.origin : id)
                settle(sent, status, payload, completion: completion)
            }
        }
    }
}

import SwitchboardCore

extension RedisLink {
    /// Runs a script; one that Redis has forgotten is sent again. One that writes what must not be lost is answered when
    /// replicas have it, if any are asked for.
    ///
    /// - Parameter write: Writes the keys and arguments.
    func run(
        _ script: RedisScript, keys: Int, arguments: Int, _ write: @escaping @Sendable (inout CommandBuffer) -> Void,
        completion: @escaping @Sendable (Result<RESPReply, BusError>) -> Void
    ) {
        guard isCluster, script.announces else {
            return runPlain(script, keys: keys, arguments: arguments, write, completion: completion)
        }
        runPlain(script, keys: keys, arguments: arguments, write) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let reply): announce(Announcements(reply), of: script, completion)
            }
        }
    }

    private func runPlain(
        _ script: RedisScript, keys: Int, arguments: Int, _ write: @escaping @Sendable (inout CommandBuffer) -> Void,
        completion: @escaping @Sendable (Result<RESPReply, BusError>) -> Void
    ) {
        let consumer = PendingCommand.Consumer.raw { [self] result in
            guard case .success(.error(let text)) = result else { return completion(result) }
            guard text.hasPrefix("NOSCRIPT") else { return completion(.failure(refused(script, text))) }
            send(.reply(completion), isKept: script.isKept) { buffer, scripts in
                buffer.call(script, by: scripts, isForgotten: true, keys: keys, arguments: arguments)
                write(&buffer)
            }
        }
        send(consumer, isKept: script.isKept) { buffer, scripts in
            buffer.call(script, by: scripts, keys: keys, arguments: arguments)
            write(&buffer)
        }
    }

    private func refused(_ script: RedisScript, _ text: String) -> BusError {
        refusals.count("\(script): \(text)")
        return BusError(reply: text)
    }

    /// Runs a script and waits for its reply.
    func run(
        _ script: RedisScript, keys: Int, arguments: Int, _ write: @escaping @Sendable (inout CommandBuffer) -> Void
    ) async throws -> RESPReply {
        try await withCheckedThrowingContinuation { continuation in
            run(script, keys: keys, arguments: arguments, write) { continuation.resume(with: $0) }
        }
    }

    /// Sends commands one behind the other and waits for all replies.
    ///
    /// - Parameter write: Writes the command of this index.
    /// - Returns: The replies in the order of the commands, error replies included.
    func batch(
        _ count: Int, _ write: (inout CommandBuffer, ScriptTable, Int) -> Void
    ) async throws -> [RESPReply] {
        guard count > 0 else { return [] }
        return try await withCheckedThrowingContinuation { continuation in
            let batch = ReplyBatch(count: count) { continuation.resume(with: $0) }
            for index in 0..<count { send(.batch(batch, index)) { write(&$0, $1, index) } }
        }
    }

    /// Runs a script several times and waits for all replies.
    ///
    /// - Parameter write: Writes the keys and arguments of the call of this index.
    /// - Throws: ``BusError`` when one call failed.
    func runEach(
        _ script: RedisScript, times: Int, keys: Int, arguments: Int, _ write: (inout CommandBuffer, Int) -> Void
    ) async throws -> [RESPReply] {
        var replies = try await batch(times) { buffer, scripts, index in
            buffer.call(script, by: scripts, keys: keys, arguments: arguments)
            write(&buffer, index)
        }
        let forgotten = replies.indices.filter { replies[$0].isForgottenScript }
        let repeated = try await batch(forgotten.count) { buffer, scripts, index in
            buffer.call(script, by: scripts, isForgotten: true, keys: keys, arguments: arguments)
            write(&buffer, forgotten[index])
        }
        for (index, reply) in zip(forgotten, repeated) { replies[index] = reply }
        for case .error(let text) in replies { throw refused(script, text) }
        guard isCluster, script.announces else { return replies }
        return replies.map { reply in
            let announcements = Announcements(reply)
            announce(announcements, of: script) { _ in }
            return announcements.reply
        }
    }
}

extension RESPReply {
    fileprivate var isForgottenScript: Bool {
        if case .error(let text) = self { text.hasPrefix("NOSCRIPT") } else { false }
    }
}

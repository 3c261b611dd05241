import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Carries one command through, from its acceptance to its outcome.
struct CommandCall: Sendable {
    /// Milliseconds between two looks whether an awaited client has connected.
    private static let retryAfter: Int64 = 200
    /// Milliseconds between two looks for the result of a command that another caller waits for.
    private static let pollAfter: Duration = .milliseconds(100)

    let commands: Commands
    let client: ClientID
    let order: CommandOrder
    let id: CommandID

    init(_ order: CommandOrder, to client: ClientID, commands: Commands) {
        self.commands = commands
        self.client = client
        self.order = order
        id = order.id ?? commands.newID()
    }

    private var lifetime: Int { Int(order.timeout + order.connectTimeout) + CommandRecord.lifetime }

    /// Runs the command, or finds what came of it when it has run already.
    ///
    /// When the task is cancelled the client is told that its answer is not wanted any more.
    ///
    /// - Parameters:
    ///   - living: The nodes whose lease is alive.
    ///   - onOutput: Called for each piece of output, in order.
    ///   - onLoss: Called with the number of pieces for which `onOutput` was too slow, when there are any.
    func run(
        living: @Sendable () -> Set<NodeID>, onOutput: (Payload) async throws -> Void = { _ in },
        onLoss: (Int) async throws -> Void = { _ in }
    ) async throws -> CommandOutcome {
        do {
            if order.id == nil {
                commands.store.write(.command(id), record.bytes, seconds: lifetime) { _ in }
            } else if let known = try await accept(living: living()) {
                guard known.isOf(self) else { return .conflict }
                if let outcome = try await self.outcome(of: known, living) { return outcome }
            }
        } catch let error as BusError {
            return .failed(error)
        }
        return try await carryOut(onOutput: onOutput, onLoss: onLoss)
    }

    /// Writes down that the command is to be carried out, unless that is known already.
    ///
    /// - Returns: What is known: its result, or that it is under way, or another command. Nil when it has to be carried out.
    /// - Throws: ``BusError``.
    func accept(living: Set<NodeID>) async throws -> CommandRecord? {
        guard order.id != nil else {
            try await write()
            return nil
        }
        guard let known = try await claim() else { return nil }
        switch known.outcome {
        case _ where !known.isOf(self): return known
        case .result: return known
        case nil where living.contains(known.origin): return known
        default:
            // It came to nothing, and is sent again; a client that has run it all the same repeats its result.
            try await write()
            return nil
        }
    }

    /// Sends the command and waits for what comes of it.
    func carryOut(
        onOutput: (Payload) async throws -> Void = { _ in }, onLoss: (Int) async throws -> Void = { _ in }
    ) async throws -> CommandOutcome {
        let began = MonotonicClock.nanoseconds()
        var record = record
        let updates: AsyncStream<Commands.Update>
        do throws(BusError) {
            guard let begun = try commands.begin(id) else { return .queueFull }
            updates = begun
        } catch { return .failed(error) }
        defer { commands.end(id) }
        do {
            let outcome = try await follow(updates, since: began, onOutput)
            ended(outcome, since: began)
            record.outcome = outcome
            commands.store.write(.command(id), record.bytes, seconds: CommandRecord.lifetime) { _ in }
            let lost = commands.lost(of: id)
            if lost > 0 { try await onLoss(lost) }
            return outcome
        } catch {
            if record.outcome == nil {
                // Nobody wants the answer any more.
                commands.bus.route(.cancel(Cancellation(id: id, client: client)), to: client) { _ in }
                record.outcome = .cancelled
                ended(.cancelled, since: began)
                commands.store.write(.command(id), record.bytes, seconds: CommandRecord.lifetime) { _ in }
            }
            throw error
        }
    }

    private func ended(_ outcome: CommandOutcome, since began: UInt64) {
        let nanoseconds = MonotonicClock.nanoseconds() - began
        commands.ended(id, of: client, outcome, nanoseconds: nanoseconds)
    }

    private var record: CommandRecord {
        CommandRecord(id: id, client: client, name: order.name, origin: commands.bus.node)
    }

    /// - Returns: What is known of the command already; nil when it is new.
    private func claim() async throws -> CommandRecord? {
        try await commands.store.claim(.command(id), record.bytes, seconds: lifetime).flatMap { CommandRecord($0) }
    }

    /// A command of this id was there before: its result is the answer, now or when it comes.
    ///
    /// - Returns: nil when it came to nothing, so that it has to be sent again; a client that has run it gives the same result.
    private func outcome(
        of known: CommandRecord, _ living: @Sendable () -> Set<NodeID>
    ) async throws -> CommandOutcome? {
        var known = known
        let deadline = ContinuousClock.now + .seconds(order.timeout + order.connectTimeout)
        while true {
            switch known.outcome {
            case .result: return known.outcome
            case nil where living().contains(known.origin) && ContinuousClock.now < deadline:
                try await Task.sleep(for: Self.pollAfter)
            default:
                guard known.outcome != nil || !living().contains(known.origin) else { return .noResult }
                try await write()
                return nil
            }
            guard let newer = try await read() else { return nil }
            known = newer
        }
    }

    private func write() async throws {
        try await commands.store.write(.command(id), record.bytes, seconds: lifetime)
    }

    private func read() async throws -> CommandRecord? {
        try await commands.store.read(.command(id)).flatMap { CommandRecord($0) }
    }

    // MARK: Under way

    private func follow(
        _ updates: AsyncStream<Commands.Update>, since began: UInt64, _ onOutput: (Payload) async throws -> Void
    ) async throws -> CommandOutcome {
        let connectBy = NIODeadline.now() + .milliseconds(Int64(order.connectTimeout * 1000))
        var timer: Scheduled<Void>?
        /// Nodes to which it went, when that is known, and those that said that they do not hold the client. They may say so
        /// before it is known.
        var (sentTo, misses): (Int?, Int) = (nil, 0)
        defer { timer?.cancel() }
        try Task.checkCancellation()
        send()
        for await update in updates {
            switch update {
            case .routed, .event(.notHere):
                if case .routed(let nodes) = update { sentTo = nodes } else { misses += 1 }
                guard let nodes = sentTo else { break }
                if misses >= nodes {
                    timer?.cancel()
                    guard NIODeadline.now() < connectBy else { return .offline }
                    timer = schedule(.milliseconds(Self.retryAfter), .retry)
                } else if case .routed = update {
                    // Once more, when the client was awaited.
                    timer?.cancel()
                    timer = schedule(.milliseconds(Int64(order.timeout * 1000)), .timedOut)
                }
            case .retry:
                (sentTo, misses) = (nil, 0)
                send()
            case .event(.delivered): break
            case .event(.output(let payload)):
                try await onOutput(payload)
                commands.taken(payload, of: id)
            case .event(.result): return result(since: began)
            case .event(.unsupported): return .unsupported
            case .event(.queueFull): return .queueFull
            // The client may come back, to any node, with the result.
            case .event(.sessionEnded): break
            case .failed(let error): return .failed(error)
            case .timedOut: return .noResult
            }
        }
        try Task.checkCancellation()
        return result(since: began)
    }

    private func result(since began: UInt64) -> CommandOutcome {
        guard case .result(let status, let payload) = commands.result(of: id) else { return .noResult }
        let milliseconds = Int((MonotonicClock.nanoseconds() - began) / 1_000_000)
        return .result(status: status, payload, milliseconds: milliseconds)
    }

    private func send() {
        let command = BusCommand(
            id: id, client: client, name: order.name, payload: order.payload, timeout: order.timeout,
            origin: commands.bus.node, trace: order.trace, signature: order.signature)
        commands.bus.route(.command(command), to: client) { [commands, id] result in
            switch result {
            case .success(.routed(let nodes)): commands.update(id, .routed(nodes: nodes))
            case .success(.offline): commands.update(id, .routed(nodes: 0))
            case .failure(let error): commands.update(id, .failed(error))
            }
        }
    }

    private func schedule(_ time: TimeAmount, _ update: Commands.Update) -> Scheduled<Void> {
        commands.loop.scheduleTask(in: time) { [commands, id] in commands.update(id, update) }
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Carries a roll-out out for one client, as an order whose id comes from the roll-out and the client's place: whoever sends it
/// again does not have it done again.
struct RolloutCall: Sendable {
    /// Milliseconds between two looks for what another node learns.
    private static let pollAfter = Duration.milliseconds(250)
    /// Seconds for which a client is awaited whose node may have been lost with the leader's.
    static let patience = 15.0
    /// Seconds for which the outcome of a push is remembered beyond its time.
    private static let lifetime = 600

    let node: Node
    let definition: RolloutDefinition
    let index: Int
    let client: ClientID
    /// An earlier leader has begun it.
    let isRepeated: Bool

    private var id: String { definition.orderID(at: index) }

    /// - Throws: ``BusError`` while the bus or store is away; it can be run again then.
    func run() async throws -> RolloutOutcome {
        switch definition.work {
        case .command(let command): try await run(command)
        case .push(let push): try await run(push)
        }
    }

    /// What is known of it, without sending it again: the roll-out was aborted meanwhile.
    ///
    /// - Throws: ``BusError``.
    func lookUp() async throws -> RolloutOutcome {
        switch definition.work {
        case .command:
            let bytes = try await node.store.read(.command(CommandID(unchecked: id)))
            if let outcome = bytes.flatMap({ CommandRecord($0) })?.outcome { return try decided(outcome) }
        case .push:
            if let outcome = try await node.store.read(pushKey).flatMap({ RolloutOutcome(String(buffer: $0)) }) {
                return outcome
            }
        }
        return failed("not_known")
    }

    private func failed(_ reason: String, status: Int? = nil) -> RolloutOutcome {
        RolloutOutcome(failure: reason, status: status, at: WallClock.milliseconds())
    }

    // MARK: Commands

    private func run(_ command: RolloutWork.Command) async throws -> RolloutOutcome {
        var order = CommandOrder(name: command.name, payload: command.payload)
        order.timeout = command.timeout
        order.id = CommandID(unchecked: id)
        if isRepeated { order.connectTimeout = Self.patience }
        let call = CommandCall(order, to: client, commands: node.commands)
        let outcome = try await call.run(living: { waiting(for: call.id) })
        guard isRepeated, case .noResult = outcome else { return try decided(outcome) }
        // The node that seemed to wait for it may have been started anew. An agent that has run it repeats its result.
        return try decided(try await call.run(living: { [] }))
    }

    /// The nodes that may wait for the command: others that live, and this one if it does. An earlier process of its name
    /// does not.
    private func waiting(for id: CommandID) -> Set<NodeID> {
        let others = node.roster.living.subtracting([node.id])
        return node.commands.isAwaited(id) ? others.union([node.id]) : others
    }

    private func decided(_ outcome: CommandOutcome) throws -> RolloutOutcome {
        switch outcome {
        case .result(let status, _, _):
            return (200...299).contains(status)
                ? RolloutOutcome(status: status, at: WallClock.milliseconds()) : failed("status", status: status)
        case .failed(let error): throw error
        default: return failed(CommandAnswer.problem(outcome, client)?.code ?? "not_known")
        }
    }

    // MARK: Pushes

    private var pushKey: LedgerKey { .idempotency("rollout/" + id) }

    private func run(_ push: RolloutWork.Push) async throws -> RolloutOutcome {
        let seconds = Int(push.wait) + Self.lifetime
        let own = ByteBuffer(string: node.id.rawValue)
        if let known = try await node.store.claim(pushKey, own, seconds: seconds) {
            if let outcome = try await outcome(behind: known) { return outcome }
            // Whoever sent it is gone. The same id keeps a client that has had it from having it twice.
            try await node.store.write(pushKey, own, seconds: seconds)
        }
        let outcome = try decided(try await send(push), isDurable: push.isDurable)
        try await node.store.write(pushKey, ByteBuffer(string: outcome.text), seconds: seconds)
        return outcome
    }

    /// - Returns: nil when nobody waits for it any more.
    private func outcome(behind known: ByteBuffer) async throws -> RolloutOutcome? {
        var known = String(buffer: known)
        let deadline = ContinuousClock.now + .seconds(definition.work.patience + Self.patience)
        while true {
            if let outcome = RolloutOutcome(known) { return outcome }
            guard let origin = NodeID(rawValue: known), ContinuousClock.now < deadline,
                origin == node.id || node.roster.living.contains(origin)
            else { return nil }
            try await Task.sleep(for: Self.pollAfter)
            guard let newer = try await node.store.read(pushKey) else { return nil }
            known = String(buffer: newer)
        }
    }

    private func send(_ push: RolloutWork.Push) async throws -> Result<PushReport, PushFailure> {
        var options = PushOrder.Options()
        options.id = PushID(unchecked: id)
        if push.isDurable {
            options.keeping = PushOrder.Keeping(timeToLive: push.timeToLive, collapse: push.collapse)
            options.wait = push.wait
        }
        let order = PushOrder(target: .client(client), payload: push.payload, options: options)
        return await withCheckedContinuation { continuation in
            node.delivery.push(order) { continuation.resume(returning: $1) }
        }
    }

    private func decided(_ result: Result<PushReport, PushFailure>, isDurable: Bool) throws -> RolloutOutcome {
        switch result {
        case .failure(.bus(let error)): throw error
        case .failure(.mailboxFull): return failed("mailbox_full")
        case .success(let report):
            let counts = report.counts
            if (isDurable ? counts.acked : counts.delivered) > 0 {
                return RolloutOutcome(at: WallClock.milliseconds())
            }
            if counts.matched > 0 { return failed(isDurable ? "not_acked" : "dropped") }
            return failed(report.isFinal || counts.offline > 0 ? "client_offline" : "no_receipt")
        }
    }
}

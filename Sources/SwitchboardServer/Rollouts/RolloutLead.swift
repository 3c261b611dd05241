import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Leads one roll-out for as long as its term is the newest: asks the plan what to do, writes that down, then does it.
struct RolloutLead: Sendable {
    /// Milliseconds for which the lead is held without being renewed, and after which it is.
    static let lease = 10_000
    private static let renewal: UInt64 = 3000
    /// Milliseconds between two looks at what an operator wants, while it is paused.
    private static let heldRenewal: UInt64 = 500
    private static let tick = Duration.milliseconds(25)
    /// Between two attempts while Redis is away.
    private static let pause = Duration.milliseconds(250)
    /// Clients that are read at once.
    private static let page = 10_000
    /// Outcomes of one call of the store.
    private static let outcomesAtOnce = 1000

    let node: Node
    let id: RolloutID
    let term: Int
    private let inbox = RolloutInbox()

    init(node: Node, id: RolloutID, term: Int) {
        self.node = node
        self.id = id
        self.term = term
    }

    private var store: any RolloutStore { node.store.rollouts }

    /// Returns when it is finished, another node leads, or this one is to stop; what is under way goes on, and whoever leads
    /// next finds what comes of it.
    func run() async {
        defer { inbox.close() }
        guard let begun = await persist({ try await begin() }) else { return await release() }
        guard var state = begun else { return }
        while !Task.isCancelled, !node.isDraining {
            do {
                guard try await step(&state) else { return }
            } catch {
                node.logger.debug(
                    "a roll-out waits for the store", metadata: ["rollout": "\(id)", "error": "\(error)"])
                try? await Task.sleep(for: Self.pause)
            }
        }
        await release()
    }

    /// Whoever is to go on need not wait for the end of the lease.
    private func release() async { try? await store.release(id, term: term) }

    /// What the leader knows.
    private struct State {
        let definition: RolloutDefinition
        let clients: [ClientID]
        var plan: RolloutPlan
        var isHeld: Bool
        var end: RolloutEnd.Kind?
        /// Why this leader ends it, until that is told.
        var abortion: String?
        /// Places that are begun, though nothing was done for them under this lead.
        var untended: [Int]
        /// The places before this were begun by earlier leaders.
        let inherited: Int
        /// Outcomes that are not written down.
        var unwritten: [(index: Int, outcome: RolloutOutcome)] = []
        var writtenAt: UInt64
    }

    private func begin() async throws -> State? {
        guard let status = try await store.status(id) else { return nil }
        var clients: [RolloutClient] = []
        while clients.count < status.definition.terms.total {
            let page = try await store.clients(of: id, from: clients.count, limit: Self.page)
            guard !page.isEmpty else { return nil }
            clients += page
        }
        let now = MonotonicClock.milliseconds()
        let outcomes = clients.compactMap { client in
            client.outcome.map { (index: client.index, isFailure: $0.isFailure) }
        }
        let plan = RolloutPlan(status.definition.terms, progress: status.progress, outcomes: outcomes, now: now)
        return State(
            definition: status.definition, clients: clients.map(\.client), plan: plan, isHeld: status.isHeld,
            end: status.end?.kind, untended: plan.underWay, inherited: plan.progress.started, writtenAt: now)
    }

    /// - Returns: false when there is nothing more to lead.
    private func step(_ state: inout State) async throws -> Bool {
        for (index, outcome) in inbox.take() where state.plan.settle(index, isFailure: outcome.isFailure) {
            state.unwritten.append((index, outcome))
        }
        try await tellAbortion(&state)
        if !state.isHeld || state.end != nil { tend(&state) }
        let now = MonotonicClock.milliseconds()
        switch state.plan.next(now: now, isHeld: state.isHeld, isEnded: state.end != nil) {
        case .begin(let range):
            var progress = state.plan.progress
            progress.started = range.upperBound
            switch try await write(progress, &state) {
            case .lost: return false
            case .notBegun: break
            case .kept:
                state.plan.began(range, now: MonotonicClock.milliseconds())
                state.untended += range
            }
        case .proceed:
            var progress = state.plan.progress
            progress.phase = .running
            guard try await write(progress, &state) != .lost else { return false }
            state.plan.proceeded()
            node.logger.info("the canary of a roll-out is good", metadata: ["rollout": "\(id)"])
        case .abort(let reason):
            // One that was written without an answer is the same the second time.
            let given = state.abortion ?? reason
            state.abortion = given
            let end = RolloutEnd(.aborted, reason: given, at: WallClock.milliseconds())
            guard try await write(state.plan.progress, end: end, &state) != .lost else { return false }
            try await tellAbortion(&state)
        case .finish: return try await finish(&state)
        case .wait:
            let interval = state.isHeld ? Self.heldRenewal : Self.renewal
            if !state.unwritten.isEmpty || now >= state.writtenAt + interval {
                guard try await write(state.plan.progress, &state) != .lost else { return false }
            } else {
                try? await Task.sleep(for: Self.tick)
            }
        }
        return true
    }

    /// The end that this leader wrote is told by it; of an operator's, who may have been faster, is told where that was asked for.
    private func tellAbortion(_ state: inout State) async throws {
        guard let reason = state.abortion, state.end != nil else { return }
        let end = try await store.status(id)?.end
        state.abortion = nil
        guard end?.kind == .aborted, end?.reason == reason else { return }
        node.note(.rolloutAborted, of: id, reason: reason)
        node.logger.warning("a roll-out is aborted", metadata: ["rollout": "\(id)", "reason": "\(reason)"])
    }

    private func finish(_ state: inout State) async throws -> Bool {
        let isDone = state.end == nil
        let end = isDone ? RolloutEnd(.done, at: WallClock.milliseconds()) : nil
        if isDone || !state.unwritten.isEmpty {
            guard try await write(state.plan.progress, end: end, &state) != .lost else { return false }
        }
        if isDone, state.end == .done { node.note(.rolloutDone, of: id) }
        // Too many outcomes for one call.
        guard state.unwritten.isEmpty else { return true }
        try await store.retire(id)
        try await store.release(id, term: term)
        let progress = state.plan.progress
        node.logger.info(
            "a roll-out is finished",
            metadata: ["rollout": "\(id)", "ok": "\(progress.succeeded)", "failed": "\(progress.failed)"])
        return false
    }

    private enum Written { case kept, notBegun, lost }

    private func write(
        _ progress: RolloutProgress, end: RolloutEnd? = nil, _ state: inout State
    ) async throws -> Written {
        let outcomes = Array(state.unwritten.prefix(Self.outcomesAtOnce))
        let advance = RolloutAdvance(
            term: term, lease: Self.lease, progress: progress, outcomes: outcomes, end: end)
        let written: Written
        switch try await store.advance(id, advance) {
        case .lost:
            node.logger.info("another node leads a roll-out", metadata: ["rollout": "\(id)"])
            return .lost
        case .kept(let isHeld, let end): (written, state.isHeld, state.end) = (.kept, isHeld, end)
        case .notBegun(let isHeld, let end): (written, state.isHeld, state.end) = (.notBegun, isHeld, end)
        }
        state.unwritten.removeFirst(outcomes.count)
        state.writtenAt = MonotonicClock.milliseconds()
        return written
    }

    /// Sets what is begun going. After an abort nothing is sent any more; what is known already counts.
    private func tend(_ state: inout State) {
        if state.untended.contains(where: { $0 < state.inherited }) {
            // Another node may still seem to wait for them, and they are asked once more after that.
            let patience = 2 * (state.definition.work.patience + RolloutCall.patience)
            state.plan.awaitCanary(from: MonotonicClock.milliseconds() + UInt64(patience * 1000))
        }
        for index in state.untended {
            let call = RolloutCall(
                node: node, definition: state.definition, index: index, client: state.clients[index],
                isRepeated: index < state.inherited)
            let isEnded = state.end != nil
            // Not a part of this task: what a client was told to do is not taken back when the lead is.
            Task { [self] in
                let outcome = await persist { try await isEnded ? call.lookUp() : call.run() }
                if let outcome { inbox.add(index, outcome) }
            }
        }
        state.untended = []
    }

    /// Tries again while the bus is away, or the nodes find together; what is found then is not the client's failure.
    ///
    /// - Returns: nil when the lead has ended meanwhile.
    private func persist<Value>(_ body: () async throws -> Value) async -> Value? {
        while inbox.isOpen, !Task.isCancelled {
            if node.settlement.isSettled, let value = try? await body() { return value }
            try? await Task.sleep(for: Self.pause)
        }
        return nil
    }
}

/// What has become of clients since the leader last looked; no more than are under way.
private final class RolloutInbox: Sendable {
    private let state = Mutex<(outcomes: [(Int, RolloutOutcome)], isOpen: Bool)>(([], true))

    var isOpen: Bool { state.withLock { $0.isOpen } }

    func add(_ index: Int, _ outcome: RolloutOutcome) { state.withLock { $0.outcomes.append((index, outcome)) } }

    func take() -> [(Int, RolloutOutcome)] {
        state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    /// The lead has ended.
    func close() { state.withLock { $0.isOpen = false } }
}

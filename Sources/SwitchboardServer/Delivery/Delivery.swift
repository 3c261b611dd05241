import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Sends pushes over the bus, keeping the durable ones in the store first, and gathers the receipts until every node has said
/// what it did, and the acks when the backend waits for them.
final class Delivery: Sendable {
    typealias Completion = @Sendable (PushID, Result<PushReport, PushFailure>) -> Void

    /// Milliseconds after which an answer is given although a node has not spoken.
    static let receiptTimeout: UInt64 = 2000
    /// Milliseconds after which silent nodes are compared with those that are known to live.
    private static let doubtAfter: UInt64 = 100

    /// Answers that may be waited for at once (`Prefer: wait`).
    static let maximumWaiting = 10_000

    private struct Pending {
        let id: PushID
        var tracker: PushTracker
        /// Monotonic milliseconds.
        let since: UInt64
        let deadline: UInt64
        /// It is a success only when the store says that it has the push.
        let isDurable: Bool
        let completion: Completion
        let kind: PushTally.Kind
        /// It is one of those that `waiting` counts.
        let waits: Bool

        var awaitsStore: Bool { isDurable && !tracker.isPublished }
    }

    private struct State {
        var ids = ULIDGenerator()
        var pending = TicketTable<Pending>()
        var waiting = 0
        var rates: CallerRates
        /// Of lines of `POST /v1/pushes`, apart from requests: who streams can also ask at the same time.
        var lineRates: CallerRates
        var pushes = 0
        var throttled = 0
        var tally = PushTally()

        /// - Returns: nil when there are too many.
        mutating func add(_ push: Pending) -> UInt64? {
            guard !push.waits || waiting < Delivery.maximumWaiting, let ticket = pending.insert(push) else {
                return nil
            }
            if push.waits { waiting += 1 }
            return ticket
        }

        mutating func remove(_ ticket: UInt64) -> Pending? {
            guard let push = pending.remove(ticket) else { return nil }
            if push.waits { waiting -= 1 }
            return push
        }
    }

    let bus: any Bus
    let store: any Store
    private let journal: PushJournal
    let limits: KeepingLimits
    private let metrics: NodeMetrics
    private let hasRate: Bool
    private let state: Mutex<State>

    /// - Parameter rate: Requests a second of each caller; 0 means no limit.
    init(bus: any Bus, store: any Store, rate: Int, limits: KeepingLimits, metrics: NodeMetrics = NodeMetrics()) {
        self.bus = bus
        self.store = store
        self.limits = limits
        self.metrics = metrics
        journal = PushJournal(store: store, node: bus.node)
        hasRate = rate > 0
        let rates = CallerRates(rate: rate, now: MonotonicClock.nanoseconds())
        state = Mutex(State(rates: rates, lineRates: rates))
    }

    var pushes: Int { state.withLock { $0.pushes } }
    /// Requests beyond the rate.
    var throttled: Int { state.withLock { $0.throttled } }
    /// What became of the pushes that are answered.
    var tally: PushTally { state.withLock { $0.tally } }

    /// - Returns: Seconds to wait, when the caller's rate is exceeded.
    func throttle(_ principal: Principal) -> Int? {
        guard hasRate else { return nil }
        let now = MonotonicClock.nanoseconds()
        return state.withLock { state in
            guard let seconds = state.rates.wait(principal, now: now) else { return nil }
            state.throttled += 1
            return seconds
        }
    }

    /// - Throws: `rate_limited` when the caller's rate is exceeded.
    func checkRate(_ principal: Principal) throws(Problem) {
        if let wait = throttle(principal) { throw .rateLimited(retryAfter: wait) }
    }

    /// - Returns: false when the caller has to wait before it may have another line looked at.
    func takesLine(_ principal: Principal) -> Bool {
        guard hasRate else { return true }
        let now = MonotonicClock.nanoseconds()
        return state.withLock { $0.lineRates.wait(principal, now: now) == nil }
    }

    /// A push that was not begun, since it could not have been answered truly.
    func refused(_ order: PushOrder) { state.withLock { $0.tally.count(PushTally.Kind(order.target), .failed) } }

    /// A client publishes something.
    func countPublication() { state.withLock { $0.pushes += 1 } }

    /// - Parameter completion: Called once, on any thread.
    func push(_ order: PushOrder, completion: @escaping Completion) {
        switch (order.options.keeping, order.target) {
        case (nil, .client(let client)):
            guard let push = begin(order, completion) else { return }
            // Only what it needs goes along: every push has one of these closures.
            bus.route(.push(push), to: client) { [self, ticket = push.ticket] result in
                switch result {
                case .success(.routed(let nodes)): update(ticket) { $0.published(toNodes: nodes) }
                case .success(.offline): update(ticket) { $0.published(toNodes: 0) }
                case .failure(let error): fail(ticket, .bus(error))
                }
            }
        case (nil, _):
            guard let push = begin(order, completion) else { return }
            bus.publish(.push(push)) { [self, ticket = push.ticket] result in
                switch result {
                case .success(let nodes): update(ticket) { $0.published(toNodes: nodes) }
                case .failure(let error): fail(ticket, .bus(error))
                }
            }
        case (_?, .clients(let clients)): pushEach(order, clients, completion)
        case (_?, .client): enqueue(order, completion)
        case (_?, _): append(order, completion)
        }
    }

    // MARK: Durable pushes

    private func enqueue(_ order: PushOrder, isNoted: Bool = true, _ completion: @escaping Completion) {
        guard let push = begin(order, isNoted: isNoted, completion) else { return }
        store.enqueue(push, limits: limits.mailbox) { [self, ticket = push.ticket] result in
            switch result {
            case .success(.stored(_, let nodes, let collapsed, let displaced, let size)):
                metrics.added(to: size)
                if let collapsed { journal.note(.collapsed, about: collapsed) }
                for id in displaced { journal.note(.displaced, about: id) }
                update(ticket) { $0.published(toNodes: nodes) }
            case .success(.full(let size)): fail(ticket, .mailboxFull(size))
            case .failure(let error): fail(ticket, .bus(error))
            }
        }
    }

    private func append(_ order: PushOrder, _ completion: @escaping Completion) {
        guard let push = begin(order, completion) else { return }
        store.append(push, limit: limits.historyPushes) { [self, ticket = push.ticket] result in
            switch result {
            case .success(let (_, nodes)): update(ticket) { $0.published(toNodes: nodes) }
            case .failure(let error): fail(ticket, .bus(error))
            }
        }
    }

    /// Each of the clients has a mailbox of its own: one push to each, with the same id, and one answer.
    private func pushEach(_ order: PushOrder, _ clients: [ClientID], _ completion: @escaping Completion) {
        var order = order
        let id = order.options.id ?? newID()
        order.options.id = id
        let noted = journal.noting(order.target, completion)
        let sum = PushSum(count: clients.count) { noted(id, $0) }
        for client in clients {
            let part = PushOrder(target: .client(client), payload: order.payload, options: order.options)
            enqueue(part, isNoted: false) { _, result in sum.add(result) }
        }
    }

    // MARK: Answers

    func newID() -> PushID {
        let now = WallClock.milliseconds()
        return state.withLock { PushID(unchecked: $0.ids.next(milliseconds: now)) }
    }

    /// - Parameter isNoted: What becomes of the push is to be told later, if it is durable or waited for.
    /// - Returns: nil when too many pushes are under way; the completion is called then.
    private func begin(_ order: PushOrder, isNoted: Bool = true, _ completion: @escaping Completion) -> BusPush? {
        let accepted = WallClock.microseconds()
        let now = accepted / 1000
        let since = MonotonicClock.milliseconds()
        let options = order.options
        let wait = options.wait.map { UInt64($0 * 1000) }
        var isStored = false
        if options.keeping != nil, case .client = order.target { isStored = true }
        let kind = PushTally.Kind(order.target)
        let tracker = PushTracker(target: order.target, isStored: isStored, waits: wait != nil)
        let (id, ticket): (PushID, UInt64?) = state.withLock { state in
            let id = options.id ?? PushID(unchecked: state.ids.next(milliseconds: now))
            state.pushes += 1
            let ticket = state.add(
                Pending(
                    id: id, tracker: tracker, since: since, deadline: since + (wait ?? Self.receiptTimeout),
                    isDurable: options.keeping != nil,
                    completion: isNoted && (options.keeping != nil || wait != nil)
                        ? journal.noting(order.target, completion) : completion,
                    kind: kind, waits: wait != nil))
            if ticket == nil { state.tally.count(kind, .failed) }
            return (id, ticket)
        }
        guard let ticket else {
            completion(id, .failure(.bus(.overloaded)))
            return nil
        }
        var push = BusPush(
            id: id, target: order.target, payload: order.payload, origin: bus.node, ticket: ticket, acceptedAt: now,
            waits: wait != nil)
        push.microseconds = UInt16(truncatingIfNeeded: accepted % 1000)
        if let keeping = options.keeping {
            push.durable = BusPush.Durable(
                expiresAt: now + UInt64(keeping.timeToLive ?? limits.timeToLive(order.target)) * 1000,
                collapse: keeping.collapse)
        }
        if let trace = order.trace { push.trace = trace }
        return push
    }

    func received(_ receipt: Receipt) {
        update(receipt.ticket) { $0.received(receipt) }
    }

    func received(_ acknowledgement: Acknowledgement) {
        update(acknowledgement.ticket) { $0.acknowledged(acknowledgement) }
    }

    private func update(_ ticket: UInt64, _ step: (inout PushTracker) -> PushReport?) {
        let done: (Pending, PushReport)? = state.withLock { state in
            guard let report = state.pending.update(ticket, { step(&$0.tracker) }) ?? nil,
                let pending = state.remove(ticket)
            else { return nil }
            state.tally.count(pending.kind, PushTally.Outcome(report))
            return (pending, report)
        }
        if let (pending, report) = done { pending.completion(pending.id, .success(report)) }
    }

    private func fail(_ ticket: UInt64, _ failure: PushFailure) {
        let pending = state.withLock { state in
            let pending = state.remove(ticket)
            if let pending { state.tally.count(pending.kind, PushTally.Outcome(failure)) }
            return pending
        }
        if let pending { pending.completion(pending.id, .failure(failure)) }
    }

    /// Time passes: called several times a second.
    ///
    /// - Parameter living: The nodes whose lease is alive.
    func sweep(living: Set<NodeID>) {
        let now = MonotonicClock.milliseconds()
        var late: [UInt64] = []
        var unstored: [UInt64] = []
        var doubtful: [UInt64] = []
        state.withLock { state in
            state.pending.visit { ticket, pending in
                if pending.awaitsStore {
                    if now >= max(pending.deadline, pending.since + Self.receiptTimeout) { unstored.append(ticket) }
                } else if now >= pending.deadline {
                    late.append(ticket)
                } else if now >= pending.since + Self.doubtAfter {
                    doubtful.append(ticket)
                }
            }
        }
        for ticket in doubtful { update(ticket) { $0.living(living) } }
        for ticket in late { update(ticket) { $0.expired() } }
        for ticket in unstored { fail(ticket, .bus(.unavailable("it has not confirmed in time that it has the push"))) }
    }
}

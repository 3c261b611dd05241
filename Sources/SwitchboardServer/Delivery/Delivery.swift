import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Sends pushes over the bus and gathers the receipts, until every node has said what it did.
final class Delivery: Sendable {
    typealias Completion = @Sendable (PushID, Result<PushReport, BusError>) -> Void

    /// Milliseconds after which an answer is given although a node has not spoken.
    static let receiptTimeout: UInt64 = 2000
    /// Milliseconds after which silent nodes are compared with those that are known to live.
    private static let doubtAfter: UInt64 = 100

    private struct Pending {
        var tracker: PushTracker
        /// Monotonic milliseconds.
        let since: UInt64
        let completion: Completion
    }

    private struct State {
        var ids = ULIDGenerator()
        var pending: [PushID: Pending] = [:]
        var rate: TokenBucket
        var pushes = 0
    }

    private let bus: any Bus
    private let state: Mutex<State>

    /// - Parameter rate: Pushes a second; 0 means no limit.
    init(bus: any Bus, rate: Int) {
        self.bus = bus
        state = Mutex(State(rate: TokenBucket(rate: rate, burst: rate, now: MonotonicClock.nanoseconds())))
    }

    var pushes: Int { state.withLock { $0.pushes } }

    /// - Returns: Seconds to wait, when the rate is exceeded.
    func throttle() -> Int? {
        let now = MonotonicClock.nanoseconds()
        return state.withLock { $0.rate.take(now: now) ? nil : $0.rate.retryAfter }
    }

    /// - Parameter completion: Called once, on any thread.
    func push(_ payload: Payload, to target: Target, completion: @escaping Completion) {
        let now = WallClock.milliseconds()
        let id = state.withLock { state in
            let id = PushID(unchecked: state.ids.next(milliseconds: now))
            state.pushes += 1
            state.pending[id] = Pending(
                tracker: PushTracker(target: target), since: MonotonicClock.nanoseconds() / 1_000_000,
                completion: completion)
            return id
        }
        let push = BusPush(id: id, target: target, payload: payload, origin: bus.node, acceptedAt: now)
        if case .client(let client) = target {
            bus.route(.push(push), to: client) { [self] result in
                switch result {
                case .success(.routed(let nodes)): update(id) { $0.published(toNodes: nodes) }
                case .success(.offline): update(id) { $0.published(toNodes: 0) }
                case .failure(let error): fail(id, error)
                }
            }
        } else {
            bus.publish(.push(push)) { [self] result in
                switch result {
                case .success(let nodes): update(id) { $0.published(toNodes: nodes) }
                case .failure(let error): fail(id, error)
                }
            }
        }
    }

    func received(_ receipt: Receipt) {
        update(receipt.push) { $0.received(receipt) }
    }

    private func update(_ id: PushID, _ step: (inout PushTracker) -> PushReport?) {
        let done: (Completion, PushReport)? = state.withLock { state in
            guard let index = state.pending.index(forKey: id),
                let report = step(&state.pending.values[index].tracker)
            else { return nil }
            return (state.pending.remove(at: index).value.completion, report)
        }
        if let (completion, report) = done { completion(id, .success(report)) }
    }

    private func fail(_ id: PushID, _ error: BusError) {
        let pending = state.withLock { $0.pending.removeValue(forKey: id) }
        pending?.completion(id, .failure(error))
    }

    /// Time passes: called several times a second.
    ///
    /// - Parameter living: The nodes whose lease is alive.
    func sweep(living: Set<NodeID>) {
        let now = MonotonicClock.nanoseconds() / 1_000_000
        var late: [PushID] = []
        var doubtful: [PushID] = []
        state.withLock { state in
            for (id, pending) in state.pending {
                if now >= pending.since + Self.receiptTimeout {
                    late.append(id)
                } else if now >= pending.since + Self.doubtAfter {
                    doubtful.append(id)
                }
            }
        }
        for id in doubtful { update(id) { $0.living(living) } }
        for id in late { update(id) { $0.expired() } }
    }
}

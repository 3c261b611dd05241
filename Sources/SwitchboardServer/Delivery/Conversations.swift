import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Questions to other nodes, and orders about a client's session, until they are answered or the time is up.
final class Conversations: Sendable {
    /// Milliseconds for which answers are awaited.
    static let timeout: UInt64 = 2000

    /// What the nodes answered.
    struct Replies: Sendable {
        var bodies: [(node: NodeID, body: ByteBuffer)] = []
        /// What came of an order.
        var outcomes: [ControlOutcome.Result] = []
        /// False when a node has not answered in time.
        var isComplete = false
    }

    private struct Pending {
        var tracker = ReplyTracker()
        var replies = Replies()
        let since: UInt64
        let continuation: CheckedContinuation<Replies, any Error>
    }

    private let bus: any Bus
    private let pending = Mutex<[String: Pending]>([:])

    init(bus: any Bus) { self.bus = bus }

    /// Asks every node.
    ///
    /// - Throws: ``BusError``.
    func ask(_ subject: Query.Subject) async throws -> Replies {
        let id = RequestID.new()
        return try await withCheckedThrowingContinuation { continuation in
            begin(id, continuation)
            bus.publish(.query(Query(id: id, origin: bus.node, subject: subject))) { [self] result in
                switch result {
                case .success(let nodes): update(id) { $0.tracker.published(toNodes: nodes) }
                case .failure(let error): fail(id, error)
                }
            }
        }
    }

    /// Asks one node.
    ///
    /// - Returns: nil when it does not answer.
    /// - Throws: ``BusError``.
    func ask(_ subject: Query.Subject, of node: NodeID) async throws -> ByteBuffer? {
        guard bus.isAvailable else { throw BusError.unavailable("nothing can be asked now") }
        let id = RequestID.new()
        let replies = try await withCheckedThrowingContinuation { continuation in
            begin(id, continuation)
            update(id) { $0.tracker.published(toNodes: 1) }
            bus.send(.query(Query(id: id, origin: bus.node, subject: subject)), to: node)
        }
        return replies.bodies.first?.body
    }

    /// Has something done to a client's session, on whichever node.
    ///
    /// - Returns: `.notHere` when the client is not connected; nil when its node does not answer.
    /// - Throws: ``BusError``.
    func order(_ action: Control.Action, for client: ClientID) async throws -> ControlOutcome.Result? {
        let id = RequestID.new()
        let replies = try await withCheckedThrowingContinuation { continuation in
            begin(id, continuation)
            let control = Control(id: id, origin: bus.node, client: client, action: action)
            bus.route(.control(control), to: client) { [self] result in
                switch result {
                case .success(.routed(let nodes)): update(id) { $0.tracker.published(toNodes: nodes) }
                case .success(.offline): update(id) { $0.tracker.published(toNodes: 0) }
                case .failure(let error): fail(id, error)
                }
            }
        }
        if let result = replies.outcomes.first(where: { $0 != .notHere }) { return result }
        return replies.isComplete ? .notHere : nil
    }

    func received(_ answer: Answer) {
        update(answer.id) { pending in
            guard case .counted(let isComplete) = pending.tracker.answered(answer.node) else { return false }
            pending.replies.bodies.append((answer.node, answer.body))
            return isComplete
        }
    }

    func received(_ outcome: ControlOutcome) {
        update(outcome.id) { pending in
            guard case .counted(let isComplete) = pending.tracker.answered(outcome.node) else { return false }
            pending.replies.outcomes.append(outcome.result)
            return isComplete || outcome.result != .notHere
        }
    }

    /// Time passes (``Delivery/sweep(living:)``).
    func sweep(living: Set<NodeID>) {
        let now = MonotonicClock.milliseconds()
        for id in pending.withLock({ Array($0.keys) }) { update(id) { $0.tracker.living(living) } }
        let late = pending.withLock { pending in
            let ids = pending.filter { now >= $0.value.since + Self.timeout }.map(\.key)
            return ids.compactMap { pending.removeValue(forKey: $0) }
        }
        for pending in late { pending.continuation.resume(returning: pending.replies) }
    }

    private func begin(_ id: String, _ continuation: CheckedContinuation<Replies, any Error>) {
        let now = MonotonicClock.milliseconds()
        pending.withLock { $0[id] = Pending(since: now, continuation: continuation) }
    }

    private func update(_ id: String, _ step: (inout Pending) -> Bool) {
        let done: Pending? = pending.withLock { all in
            guard let index = all.index(forKey: id), step(&all.values[index]) else { return nil }
            var done = all.remove(at: index).value
            done.replies.isComplete = true
            return done
        }
        done?.continuation.resume(returning: done?.replies ?? Replies())
    }

    private func fail(_ id: String, _ error: BusError) {
        pending.withLock { $0.removeValue(forKey: id) }?.continuation.resume(throwing: error)
    }
}

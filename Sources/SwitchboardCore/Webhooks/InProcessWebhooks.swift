import SwitchboardProtocol
import Synchronization

/// The webhook events of an ``InProcessCluster``; one lock, since nothing here waits.
final class InProcessWebhooks: WebhookStore {
    private struct State {
        var roster = WebhookRoster()
        var queue = WebhookQueue()
        var messageIDs = RecentIDs()
    }

    private let state = Mutex(State())
    private let clock: @Sendable () -> UInt64

    init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

    func connected(
        _ session: WebhookSession, event: WebhookEvent?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<Bool, BusError>) -> Void
    ) {
        let now = clock()
        let isNew = state.withLock { state in
            let isNew = state.roster.connected(session)
            if isNew, let event { _ = state.queue.append(event, limits: limits, now: now) }
            return isNew
        }
        completion(.success(isNew))
    }

    func lost(_ loss: SessionLoss, grace: Int, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        let due = clock() + UInt64(max(0, grace))
        completion(.success(state.withLock { $0.roster.lost(loss, due: due) }))
    }

    func lost(_ losses: [SessionLoss], grace: Int) async throws {
        let due = clock() + UInt64(max(0, grace))
        state.withLock { state in for loss in losses { _ = state.roster.lost(loss, due: due) } }
    }

    func overdue(limit: Int) async throws -> [OverdueLoss] {
        let now = clock()
        return state.withLock { $0.roster.overdue(limit: limit, now: now) }
    }

    func disconnected(_ losses: [(loss: OverdueLoss, event: WebhookEvent?)], limits: WebhookLimits) async throws -> Int
    {
        let now = clock()
        return state.withLock { state in
            losses.count { loss, event in
                guard state.roster.disconnected(loss, now: now) else { return false }
                if let event { _ = state.queue.append(event, limits: limits, now: now) }
                return true
            }
        }
    }

    func append(
        _ event: WebhookEvent, messageID: String?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<WebhookAppended, BusError>) -> Void
    ) {
        let now = clock()
        let appended: WebhookAppended = state.withLock { state in
            let key = messageID.map { "\(event.client)/\($0)" }
            if let key, state.messageIDs.contains(key, now: now / 1000) { return .known }
            let appended = state.queue.append(event, limits: limits, now: now)
            // One that is refused may come again.
            if let key, appended != .refused { _ = state.messageIDs.insert(key, now: now / 1000) }
            return appended
        }
        completion(.success(appended))
    }

    func claim(_ terms: WebhookTerms) async throws -> WebhookClaim {
        let now = clock()
        return state.withLock { $0.queue.claim(terms, now: now) }
    }

    func settle(_ settlement: WebhookSettlement) async throws {
        let now = clock()
        state.withLock { $0.queue.settle(settlement, now: now) }
    }

    func status() async throws -> WebhookStatus {
        let now = clock()
        return state.withLock { state in
            state.queue.report(losses: state.roster.losses, live: state.roster.live, now: now)
        }
    }

    func dead(limit: Int, after cursor: StreamOffset?) async throws -> [DeadWebhook] {
        state.withLock { $0.queue.dead(limit: limit, after: cursor) }
    }

    func replay(_ ids: [StreamOffset]?) async throws -> Int {
        let now = clock()
        return state.withLock { $0.queue.replay(ids, now: now) }
    }

    func forget(_ ids: [StreamOffset]?) async throws -> Int { state.withLock { $0.queue.forget(ids) } }
}

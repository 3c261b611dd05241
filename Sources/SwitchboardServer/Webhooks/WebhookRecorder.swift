import DequeModule
import Logging
import SwitchboardCore
import Synchronization

/// Writes what happened into the store; what it does not take now is kept for a while and written later. Bounded.
final class WebhookRecorder: Sendable {
    /// What must not be forgotten because the store is away.
    enum Entry: Sendable {
        case lost(SessionLoss, grace: Int)
        case event(WebhookEvent)
    }

    /// More than a node has sessions.
    private static let maximum = 100_000
    /// Written at once when the store is back.
    private static let batch = 500

    private struct State {
        var waiting: Deque<Entry> = []
        var dropped = 0
        var isIncomplete = false
    }

    private let state = Mutex(State())
    private let store: any WebhookStore
    private let limits: WebhookLimits
    private let logger: Logger
    /// Called when an event was added.
    private let ring: @Sendable () -> Void

    init(store: any WebhookStore, limits: WebhookLimits, logger: Logger, ring: @escaping @Sendable () -> Void) {
        self.store = store
        self.limits = limits
        self.logger = logger
        self.ring = ring
    }

    var waiting: Int { state.withLock { $0.waiting.count } }

    /// A session that could not be announced is not kept: it may have ended before the store is back. Instead all live ones are
    /// announced again, see ``takeIncomplete()``.
    func connected(_ session: WebhookSession, _ event: WebhookEvent?) {
        store.connected(session, event: event, limits: limits) { [self] result in
            switch result {
            case .success(let isNew): if isNew, event != nil { ring() }
            case .failure: state.withLock { $0.isIncomplete = true }
            }
        }
    }

    func record(_ entry: Entry) {
        switch entry {
        case .lost(let loss, let grace):
            store.lost(loss, grace: grace) { [self] in if case .failure = $0 { keep(entry) } }
        case .event(let event):
            store.append(event, messageID: nil, limits: limits) { [self] result in
                switch result {
                case .success(.waits): ring()
                case .success: break
                // A newer one comes soon.
                case .failure: if !event.kind.isRefusable { keep(entry) }
                }
            }
        }
    }

    private func keep(_ entry: Entry) {
        let dropped: Int? = state.withLock { state in
            guard state.waiting.count >= Self.maximum else {
                state.waiting.append(entry)
                return nil
            }
            state.dropped += 1
            return state.dropped
        }
        guard let dropped, dropped.nonzeroBitCount == 1 else { return }
        logger.error("webhook events were lost while the store was away", metadata: ["events": "\(dropped)"])
    }

    /// Tries again to write what waits. What fails comes back.
    func flush() {
        let entries = state.withLock { state in
            let part = Array(state.waiting.prefix(Self.batch))
            state.waiting.removeFirst(part.count)
            return part
        }
        for entry in entries { record(entry) }
    }

    /// - Returns: Whether live sessions have to be announced again; once.
    func takeIncomplete() -> Bool {
        state.withLock { state in
            defer { state.isIncomplete = false }
            return state.isIncomplete
        }
    }

    func markIncomplete() { state.withLock { $0.isIncomplete = true } }
}

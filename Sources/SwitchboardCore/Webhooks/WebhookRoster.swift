import SwitchboardProtocol

/// Which clients the backends believe to be connected, and whose loss they are to be told of. A struct without I/O.
struct WebhookRoster: Sendable {
    private var sessions: [ClientID: WebhookSession] = [:]
    /// Only of known sessions.
    private var pending: [ClientID: (loss: SessionLoss, due: UInt64)] = [:]

    var live: Int { sessions.count }
    var losses: Int { pending.count }

    /// - Returns: Whether the client was not connected before.
    mutating func connected(_ session: WebhookSession) -> Bool {
        guard let known = sessions[session.client] else {
            sessions[session.client] = session
            return true
        }
        // An epoch that is lower and yet later was counted anew.
        let isOutdated = known.epoch > session.epoch && known.connectedAt >= session.connectedAt
        guard !isOutdated else { return false }
        sessions[session.client] = session
        pending[session.client] = nil
        return false
    }

    /// - Parameter due: Unix milliseconds.
    /// - Returns: Whether it is news.
    mutating func lost(_ loss: SessionLoss, due: UInt64) -> Bool {
        guard sessions[loss.client]?.session == loss.session, pending[loss.client] == nil else { return false }
        pending[loss.client] = (loss, due)
        return true
    }

    func overdue(limit: Int, now: UInt64) -> [OverdueLoss] {
        let due = pending.filter { $0.value.due <= now }
            .sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        return due.prefix(limit).compactMap { client, entry in
            sessions[client].map { OverdueLoss(session: $0, loss: entry.loss) }
        }
    }

    /// - Returns: Whether this call tells of the loss.
    mutating func disconnected(_ loss: OverdueLoss, now: UInt64) -> Bool {
        let client = loss.session.client
        guard let entry = pending[client], entry.loss.session == loss.loss.session, entry.due <= now else {
            return false
        }
        pending[client] = nil
        sessions[client] = nil
        return true
    }
}

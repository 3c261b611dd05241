import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Time passes for alerts.
extension Node {
    private static let sweepInterval: UInt64 = 1000
    private static let verifyInterval: UInt64 = 60_000
    /// Clients that are looked up at a time.
    private static let verified = 500

    /// Called several times a second; does something once a second.
    func sweepAlerts(living: Set<NodeID>) {
        let now = MonotonicClock.milliseconds()
        let duties: AlertBoard.Duties? = alerts.state.withLock { state in
            guard now >= state.sweptAt + Self.sweepInterval else { return nil }
            state.sweptAt = now
            // A node that has just come knows nobody yet.
            return living.contains(id) ? state.board.sweep(living: living, now: now) : nil
        }
        guard let duties else { return }
        for alert in duties.cleared { cleared(alert) }
        for alert in duties.inherited {
            bus.publish(.alert(AlertNotice(.raised, alert))) { _ in }
        }
        if !alerts.offlineRules.isEmpty { lookAfterAbsences(now) }
    }

    private func lookAfterAbsences(_ now: UInt64) {
        guard bus.isAvailable else { return }
        let (due, doubtful) = alerts.state.withLock { state -> ([AbsenceList.Absence], [ClientID]) in
            guard !state.isLooking else { return ([], []) }
            let due = state.absences.takeDue(now: WallClock.milliseconds())
            var doubtful: [ClientID] = []
            if now >= state.verifiedAt + Self.verifyInterval {
                state.verifiedAt = now
                doubtful = Array(state.board.offline().shuffled().prefix(Self.verified))
            }
            state.isLooking = !due.isEmpty || !doubtful.isEmpty
            return (due, doubtful)
        }
        guard !due.isEmpty || !doubtful.isEmpty else { return }
        Task {
            for absence in due { await lookInto(absence) }
            for client in doubtful { await verify(client) }
            alerts.state.withLock { $0.isLooking = false }
        }
    }

    /// A client seems to have been gone for long enough; it may be connected to another node.
    private func lookInto(_ absence: AbsenceList.Absence) async {
        do {
            guard let presence = try await store.client(absence.client), presence.state != .online else { return }
            // It was back in between, at another node, which counts from when it went from there.
            guard presence.epoch <= absence.epoch || presence.health == nil else { return }
        } catch {
            // The store will be back.
            return alerts.state.withLock { $0.absences.add(absence) }
        }
        guard directory.place(of: absence.client) == nil else { return }
        let alert = Alert(
            absence.rule, client: absence.client, value: nil, since: absence.since, node: id, epoch: absence.epoch)
        raise(alert)
        // It may have come in that moment.
        if directory.place(of: absence.client) != nil { alertsEnd(asOf: absence.client) }
    }

    /// A client that is said to be offline may have come back while its node could not tell, or be forgotten.
    private func verify(_ client: ClientID) async {
        do {
            if let presence = try await store.client(client), presence.state != .online { return }
        } catch {
            // The store will be back.
            return
        }
        alertsEnd(asOf: client)
    }
}

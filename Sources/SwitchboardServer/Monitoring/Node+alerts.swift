import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// What becomes of alerts: the other nodes, watchers and backends are told.
extension Node {
    /// What the health of a client of this node has shown.
    func carryOut(_ findings: [AlertJudge.Finding], on client: ClientID, epoch: UInt64) {
        for finding in findings {
            switch finding {
            case .raised(let rule, let value, let since):
                raise(Alert(rule, client: client, value: value, since: since, node: id, epoch: epoch))
            case .stays(let rule, let value):
                let (isKnown, moved) = alerts.state.withLock { state in
                    (
                        state.board.has(rule.name, of: client),
                        state.board.keep(rule.name, of: client, epoch: epoch, value: value)
                    )
                }
                if let moved { tell(.raised, moved) }
                guard !isKnown else { continue }
                // A node that took this one for dead has ended it, or there was no room for it.
                let since = WallClock.milliseconds()
                raise(Alert(rule, client: client, value: value, since: since, node: id, epoch: epoch))
            case .cleared(let rule, let value):
                guard var alert = alerts.state.withLock({ $0.board.clear(rule.name, of: client) }) else { continue }
                alert.value = value
                alert.epoch = max(alert.epoch, epoch)
                cleared(alert)
            }
        }
    }

    func raise(_ alert: Alert) {
        let (isTaken, isNews) = alerts.state.withLock { state in
            let isTaken = state.board.raise(alert, now: MonotonicClock.milliseconds())
            defer { state.isFull = !isTaken }
            return (isTaken, !isTaken && !state.isFull)
        }
        guard isTaken else {
            guard isNews else { return }
            logger.warning("too many alerts: no more are raised", metadata: ["limit": "\(AlertBoard.limit)"])
            return
        }
        tell(.raised, alert)
        note(.alertRaised, alert)
        webhooks?.alert(alert, isRaised: true)
    }

    /// An alert that is not on the board any more is over.
    func cleared(_ alert: Alert) {
        var alert = alert
        alert.node = id
        tell(.cleared, alert)
        note(.alertCleared, alert)
        webhooks?.alert(alert, isRaised: false)
    }

    private func tell(_ action: AlertNotice.Action, _ alert: Alert) {
        bus.publish(.alert(AlertNotice(action, alert))) { _ in }
    }

    private func note(_ type: EventType, _ alert: Alert) {
        logger.debug(
            "\(type.rawValue)",
            metadata: ["client": "\(alert.client)", "alert": "\(alert.name)", "level": "\(alert.level.rawValue)"])
        guard events.isWatched else { return }
        events.note(type, .client(alert.client)) { $0.trouble(alert) }
    }

    // MARK: Sessions

    /// The client is connected here: whatever said that it is not is over.
    ///
    /// - Returns: Whether anything did.
    @discardableResult
    func alertsEnd(asOf client: ClientID) -> Bool {
        guard !alerts.offlineRules.isEmpty else { return false }
        let (wasAbsent, over) = alerts.state.withLock { state in
            (state.absences.remove(client), state.board.came(client))
        }
        for alert in over { cleared(alert) }
        return wasAbsent || !over.isEmpty
    }

    /// The session of a client that has told its health is over.
    func alertsWait(for client: ClientID, epoch: UInt64, at time: UInt64) {
        alerts.state.withLock { $0.board.left(client, epoch: epoch, now: MonotonicClock.milliseconds()) }
        alertsMiss(client, epoch: epoch, at: time)
    }

    /// A client that is to be missed is gone.
    func alertsMiss(_ client: ClientID, epoch: UInt64, at time: UInt64) {
        alerts.state.withLock { state in
            for rule in alerts.offlineRules {
                state.absences.add(AbsenceList.Absence(client: client, rule: rule, epoch: epoch, since: time))
            }
        }
    }

    /// Sessions of a node that is gone. Backends are told, and rules for those who are offline apply to them.
    func lost(_ losses: [SessionLoss]) async throws {
        try await webhooks?.lost(losses)
        guard !alerts.offlineRules.isEmpty else { return }
        // At once: one after the other they would take longer than this node's own lease lasts.
        try await withThrowingTaskGroup(of: (SessionLoss, ClientPresence?).self) { group in
            for loss in losses {
                group.addTask { (loss, try await self.store.client(loss.client)) }
            }
            for try await (loss, presence) in group {
                guard let presence else { continue }
                // Its last words may not have been written any more.
                let wasInAlarm = alerts.state.withLock { !$0.board.judged(of: loss.client).isEmpty }
                guard presence.health != nil || wasInAlarm else { continue }
                alertsWait(for: loss.client, epoch: presence.epoch, at: loss.at)
            }
        }
    }

    // MARK: Other nodes

    func heard(_ notice: AlertNotice) {
        let alert = notice.alert
        guard alert.node != id else { return }
        // Whoever is here is not offline: the other node could not know it yet.
        if notice.action == .raised, alert.isOffline, directory.place(of: alert.client) != nil { return cleared(alert) }
        guard notice.action == .gone else {
            return alerts.state.withLock { $0.board.heard(notice, now: MonotonicClock.milliseconds()) }
        }
        guard roster.living.subtracting([alert.node]).min() == id,
            let rule = alerts.offlineRules.first(where: { $0.name == alert.name })
        else { return }
        let absence = AbsenceList.Absence(client: alert.client, rule: rule, epoch: alert.epoch, since: alert.since)
        alerts.state.withLock { $0.absences.add(absence) }
    }

    /// This node stops: another one watches over those who are gone.
    func handOverAbsences() {
        for absence in alerts.state.withLock({ $0.absences.all }) {
            tell(
                .gone,
                Alert(
                    absence.rule, client: absence.client, value: nil, since: absence.since, node: id,
                    epoch: absence.epoch))
        }
    }

    /// A node takes part, perhaps again: what it knows of alerts may differ from what is known of it here. This one asks all.
    func askForAlerts(of node: NodeID) {
        guard !alerts.rules.isEmpty else { return }
        let askedAt = MonotonicClock.milliseconds()
        Task {
            if node == id {
                for reply in (try? await conversations.ask(.alerts))?.bodies ?? [] {
                    take(reply.body, of: reply.node, askedAt: askedAt)
                }
            } else if let body = try? await conversations.ask(.alerts, of: node) {
                take(body, of: node, askedAt: askedAt)
            }
        }
    }

    private func take(_ report: ByteBuffer, of node: NodeID, askedAt: UInt64) {
        guard let report = AlertReport(report) else { return }
        alerts.state.withLock { state in
            state.board.heard(
                all: report.alerts, of: node, isWhole: report.isWhole, askedAt: askedAt,
                now: MonotonicClock.milliseconds())
        }
    }

    /// What this node answers for.
    var alertReport: ByteBuffer {
        AlertReport.document(of: alerts.state.withLock { $0.board.told(living: roster.living) })
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What is to reach the sessions of this event loop; it leaves at the end of the turn.
extension Shard {
    /// For every open session.
    func deliverToAll(_ push: PreparedPush, _ collector: ReceiptCollector?) {
        holdForRecovering(push)
        if push.push.waits || outbox.isSelecting {
            select(table.slots.compactMap { $0.isOpen ? $0.session : nil }, push, collector, isOrdered: true)
        } else {
            outbox.addToAll(push, collector, counters.forms, by: compressor)
            scheduleFlush()
        }
    }

    func deliver(_ push: PreparedPush, to name: GroupName, _ collector: ReceiptCollector?) {
        holdForRecovering(push)
        if !entering.isEmpty, let sessions = entering[name] {
            for session in sessions { session.groupDealings?.entering[name]?.hold(push.push) }
        }
        guard let group = groups[name] else {
            collector?.add(PushOutcome())
            return
        }
        if push.push.waits || outbox.isSelecting {
            select(group.members, push, collector, isOrdered: true)
        } else {
            outbox.add(push, to: group, collector, counters.forms, by: compressor)
            scheduleFlush()
        }
    }

    /// To one client: the usual case, done with as little as possible.
    func deliver(_ push: BusPush, toAt place: SessionPlace) {
        guard let session = openSession(at: place) else { return missed(push) }
        if push.isDurable, let mailPlace = push.durable?.place {
            session.deliverDurable(push, at: mailPlace)
        } else {
            deliver(push, to: session)
        }
    }

    /// The session that the push was for has just ended; a newer one, that may have opened meanwhile, looks into the mailbox.
    private func missed(_ push: BusPush) {
        if push.durable != nil, case .client(let client) = push.target {
            node.unclaimedMail.note(client)
            if let newer = node.directory.place(of: client) {
                node.on(node.shard(at: newer)) { $0.session(at: newer)?.checkMail() }
            }
        }
        node.give(PushOutcome(), for: push)
    }

    func deliver(_ push: BusPush, to session: Session) {
        session.append(only: push)
        if push.wantsConfirmation { session.expectAck(AckCollector(push)) }
        outbox.singles.append((session, push))
        scheduleFlush()
    }

    func deliver(_ push: PreparedPush, toAt places: [SessionPlace], _ collector: ReceiptCollector?) {
        select(places.compactMap { openSession(at: $0) }, push, collector)
    }

    func deliver(_ push: PreparedPush, withLabels labels: [String: String], _ collector: ReceiptCollector?) {
        var matching: [Session] = []
        for slot in table.slots where slot.isOpen {
            if let session = slot.session, session.carries(labels) { matching.append(session) }
        }
        select(matching, push, collector)
    }

    /// - Parameter isOrdered: Later pushes to groups and all must not overtake this one, so they are selected as well.
    private func select(
        _ sessions: [Session], _ push: PreparedPush, _ collector: ReceiptCollector?, isOrdered: Bool = false
    ) {
        var sessions = sessions
        let meant = sessions.count
        if skipping > 0, isOrdered {
            sessions.removeAll { $0.skips && !$0.hasRoom(for: push, on: push.push.target.channel) }
        }
        let leftOut = meant - sessions.count
        guard !sessions.isEmpty else {
            counters.drops += leftOut
            collector?.add(PushOutcome(matched: leftOut, dropped: leftOut))
            return
        }
        for session in sessions { session.append(push) }
        if push.push.wantsConfirmation {
            let acks = AckCollector(push.push)
            for session in sessions { session.expectAck(acks) }
        }
        outbox.select(sessions, push, collector, leftOut: leftOut, isOrdered: isOrdered)
        scheduleFlush()
    }

    private func holdForRecovering(_ push: PreparedPush) {
        guard !recovering.isEmpty, push.push.durable != nil else { return }
        for session in recovering { session.recovery?.hold(push.push) }
    }

    /// What the session has read from its mailbox leaves, and the origins are told.
    func flushPage(of session: Session, receipts: [BusPush]) {
        for push in receipts { outbox.singles.append((session, push)) }
        markDirty(session)
    }
}

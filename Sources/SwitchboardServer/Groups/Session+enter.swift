import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Groups that a framed client enters by itself: with their histories, and watching who is in them.
extension Session {
    func enter(_ group: GroupName, history: Int?, watch: Bool) {
        let isIn = history.map { beginToEnter(group, history: $0) } ?? join(group)
        guard isIn else {
            let limit = node.configuration.maximumGroups
            node.metrics.reached(.groups)
            return send(
                .error(code: "too_many_groups", message: "a session may be in \(limit) groups", ref: group.rawValue))
        }
        noteGroups()
        if watch { self.watch(group) }
    }

    // MARK: History

    /// From here on what the group is sent is held, and comes behind its history.
    private func beginToEnter(_ group: GroupName, history: Int) -> Bool {
        guard phase == .open else { return false }
        guard groupDealings?.entering[group] == nil else { return true }
        let entry: GroupEntry
        if let current = memberships.first(where: { $0.group.name == group })?.group {
            // It is none of those any more to which the group's pushes of this turn leave when the turn ends.
            entry = GroupEntry(
                history: history, owed: shard.outbox.pushes(to: current),
                had: shard.outbox.selected(for: self, of: group))
            withdraw(from: group)
        } else {
            guard hasRoomForGroup else { return false }
            noteMember(of: group)
            entry = GroupEntry(history: history)
        }
        dealings.entering[group] = entry
        shard.entering[group, default: []].append(self)
        let box = NIOLoopBound((session: self, entry: entry), eventLoop: shard.loop)
        let loop = shard.loop
        node.recoveries.enter {
            loop.execute { box.value.session.readHistory(of: group, box.value.entry) }
        }
        return true
    }

    private func isEntering(_ group: GroupName, _ entry: GroupEntry) -> Bool {
        phase == .open && groupDealings?.entering[group] === entry
    }

    /// It is this session's turn.
    private func readHistory(of group: GroupName, _ entry: GroupEntry) {
        guard isEntering(group, entry) else { return node.recoveries.leave() }
        let box = NIOLoopBound((session: self, entry: entry), eventLoop: shard.loop)
        let (loop, node) = (shard.loop, node)
        node.store.newestHistory(of: Target.group(group).channel, limit: entry.history) { result in
            node.recoveries.leave()
            loop.execute { box.value.session.read(result, of: group, box.value.entry) }
        }
    }

    private func read(_ result: Result<HistoryPage, BusError>, of group: GroupName, _ entry: GroupEntry) {
        guard isEntering(group, entry) else { return }
        switch result {
        case .success(let page): entry.page = page
        case .failure(let error):
            send(.error(code: "bus_unavailable", message: error.description, ref: group.rawValue))
            return shard.arrived(self, in: group, entry)
        }
        // After this, whatever the history held has been heard of as well, so nothing of it comes twice.
        let box = NIOLoopBound((session: self, entry: entry), eventLoop: shard.loop)
        let loop = shard.loop
        node.bus.barrier { _ in
            loop.execute { box.value.session.shard.arrived(box.value.session, in: group, box.value.entry) }
        }
    }

    /// The turn of the loop ends: what comes from now on comes directly.
    func endEntering(_ group: GroupName, _ entry: GroupEntry) {
        guard isEntering(group, entry), let record else { return }
        forgetEntering(group)
        if entry.leftOut > 0 { send(.missed(channel: Target.group(group).channel, count: entry.leftOut)) }
        for push in entry.pushes where hasRoom(for: push) {
            append(PreparedPush(push))
            if node.events.isWatched { node.note(push, .pushDelivered, .client(record.client)) }
        }
        shard.markDirty(self)
        admit(to: group)
    }

    private func hasRoom(for push: BusPush) -> Bool {
        !skips || hasRoom(for: PreparedPush(push), on: push.target.channel)
    }

    /// - Returns: Whether it was on its way there.
    @discardableResult
    func forgetEntering(_ group: GroupName) -> Bool {
        guard groupDealings?.entering.removeValue(forKey: group) != nil else { return false }
        shard.entering[group]?.removeAll { $0 === self }
        if shard.entering[group]?.isEmpty == true { shard.entering[group] = nil }
        return true
    }

    // MARK: Who is there

    private func watch(_ group: GroupName) {
        guard !dealings.watched.contains(group) else { return }
        guard dealings.watched.count < GroupWatches.maximumPerSession, node.groups.watch(group, at: place) else {
            let message = "a session may watch \(GroupWatches.maximumPerSession) groups, and a node only so many"
            return send(.error(code: "too_many_watches", message: message, ref: group.rawValue))
        }
        dealings.watched.insert(group)
    }

    func endWatching(_ group: GroupName) {
        guard groupDealings?.watched.remove(group) != nil else { return }
        node.groups.unwatch(group, at: place)
    }

    /// It is in the group from now on, for those who watch it.
    func noteMember(of group: GroupName) {
        guard node.groups.isTold, let record else { return }
        node.groups.joined(group, GroupMember(client: record.client, labels: record.labels), at: place)
    }

    func noteNoMember(of group: GroupName) {
        guard node.groups.isTold, let record else { return }
        node.groups.left(group, record.client, at: place)
    }
}

extension Shard {
    /// The sessions of this loop that are in a group, or on their way into it.
    func members(of group: GroupName) -> [(GroupMember, SessionPlace)] {
        let sessions = (groups[group]?.members ?? []) + (entering[group] ?? [])
        return sessions.compactMap { session in
            session.record.map { (GroupMember(client: $0.client, labels: $0.labels), session.place) }
        }
    }
}

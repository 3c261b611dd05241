import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What clients of this node missed while the bus was away.
extension Node {
    /// Milliseconds by which the clocks of this machine and of Redis may differ.
    private static let clockTolerance: UInt64 = 2000
    /// Sessions whose mailboxes are looked into at once.
    private static let mailBatch = 500

    /// Delivers what the histories and mailboxes hold and the sessions have not got.
    ///
    /// - Parameters:
    ///   - lostAt: Unix milliseconds before which the bus was there.
    ///   - isCurrent: False when the bus has been away again: then the next recovery does all of it.
    func catchUp(lostAt: UInt64, while isCurrent: () -> Bool) async {
        await persist(isCurrent) { try await self.catchUpHistories(lostAt: lostAt) }
        await persist(isCurrent) {
            try await self.checkMailboxes()
            return true
        }
    }

    /// - Parameter step: Returns false when it has to be done again.
    func persist(_ isCurrent: () -> Bool, _ step: () async throws -> Bool) async {
        while isCurrent() {
            do { if try await step() { return } } catch {
                logger.debug("catching up failed", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func checkMailboxes() async throws {
        for shard in shards {
            let sessions = (try? await shard.loop.submit { shard.table.slots.compactMap(\.session?.place) }.get()) ?? []
            for start in stride(from: 0, to: sessions.count, by: Self.mailBatch) {
                let part = sessions[start..<min(start + Self.mailBatch, sessions.count)]
                shard.loop.execute { for place in part { shard.session(at: place)?.checkMail() } }
                // Replies come in order, so this also waits for those of the mailboxes.
                try await bus.barrier()
            }
        }
    }

    /// - Returns: false when it has to be done again.
    private func catchUpHistories(lostAt: UInt64) async throws -> Bool {
        var channels: Set = [Target.all.channel]
        for shard in shards {
            let names =
                (try? await shard.loop.submit { shard.groups.keys.map { Target.group($0).channel } }.get()) ?? []
            channels.formUnion(names)
        }
        // Where nobody is, nothing was missed.
        let heard = histories.keep(channels)
        var missed: [BusPush] = []
        var holes: [(channel: String, newest: HistoryOffset)] = []
        for channel in channels.sorted() {
            guard let after = try await beginning(of: channel, heard[channel], lostAt: lostAt) else { continue }
            let page = try await history(of: channel, after: after)
            if let pushes = page.pushes { missed += pushes } else { holes.append((channel, page.newest)) }
        }
        try await bus.barrier()
        for (channel, newest) in holes { tellOfHole(in: channel, newest: newest) }
        return histories.endCatchUp(missed) { deliver($0) }
    }

    /// Where to read from; in a channel of which this node has heard nothing yet, by the clock.
    ///
    /// - Returns: nil when nothing can have been missed.
    private func beginning(
        of channel: String, _ heard: HistoryOffset?, lostAt: UInt64
    ) async throws -> HistoryOffset? {
        if let heard { return heard }
        let newest = try await history(of: channel, after: nil).newest
        let time = lostAt > Self.clockTolerance ? lostAt - Self.clockTolerance : 0
        let offset = StreamOffset(milliseconds: time, sequence: 0)
        return newest.offset > offset ? HistoryOffset(epoch: newest.epoch, offset: offset) : nil
    }

    private func history(of channel: String, after offset: HistoryOffset?) async throws -> HistoryPage {
        let limit = max(1, configuration.historyLimit)
        return try await store.history(of: channel, after: offset, limit: limit)
    }

    /// What was missed is gone: its framed clients are told, as those are that come back too late.
    private func tellOfHole(in channel: String, newest: HistoryOffset) {
        logger.warning("pushes of a history were missed", metadata: ["channel": "\(channel)"])
        let state = ServerFrame.Hello.Channel(recovered: false, offset: newest.description)
        for shard in shards {
            shard.loop.execute {
                for slot in shard.table.slots where slot.isOpen && slot.form.mode == .framed {
                    guard let session = slot.session, let record = session.record, session.hears(channel) else {
                        continue
                    }
                    session.send(.hello(session.hello(record, channels: [channel: state])))
                }
            }
        }
    }
}

extension Session {
    /// Whether pushes to the channel come to it.
    func hears(_ channel: String) -> Bool {
        channel == Target.all.channel || memberships.contains { Target.group($0.group.name).channel == channel }
    }
}

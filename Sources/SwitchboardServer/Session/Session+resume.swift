import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What a session needs while it looks for pushes that its client missed.
final class Recovery {
    /// More than this is not recovered.
    static let limit = 300

    struct Channel {
        let asked: HistoryOffset?
        /// The client has named an offset, so it may have missed something.
        let isResumed: Bool
        var page: HistoryPage?
        /// What came while the history was read.
        var held: [BusPush] = []
        var hasOverflown = false
    }

    var channels: [String: Channel]
    var pendingReads: Int
    /// It takes one of the places of ``RecoveryGate``.
    var isReading = false

    /// - Parameter resume: Channel to offset, as the client gave it.
    init(_ resume: [String: String], groups: [GroupName]) {
        let own = Set(groups.map { Target.group($0).channel } + [Target.all.channel])
        channels = [:]
        for (name, text) in resume where own.contains(name) {
            channels[name] = Channel(asked: HistoryOffset(text), isResumed: !text.isEmpty)
        }
        pendingReads = channels.count
    }

    func hold(_ push: BusPush) {
        let name = push.target.channel
        if let count = channels[name]?.held.count, count >= Self.limit {
            channels[name]?.hasOverflown = true
        } else {
            channels[name]?.held.append(push)
        }
    }
}

extension Recovery.Channel {
    var isRecovered: Bool { !hasOverflown && (page?.pushes != nil && (asked != nil || !isResumed)) }

    /// What the client missed, oldest first.
    var missed: [BusPush] {
        guard let page, isRecovered else { return [] }
        let newer = held.filter { push in
            guard let place = push.durable?.place else { return false }
            return place.epoch != page.newest.epoch || place.offset > page.newest.offset
        }
        return (isResumed ? page.pushes ?? [] : []) + newer
    }

    var state: ServerFrame.Hello.Channel {
        let newest =
            isRecovered ? page?.newest.description : (held.last?.durable?.place?.text ?? page?.newest.description)
        return ServerFrame.Hello.Channel(recovered: isRecovered, offset: newest ?? "")
    }
}

extension Session {
    /// Reads the histories that the client named; opens when everything that was missed is there.
    func recover(_ resume: [String: String]) {
        let recovery = Recovery(resume, groups: record?.groups ?? [])
        guard !recovery.channels.isEmpty else { return shard.open(self) }
        self.recovery = recovery
        shard.recovering.append(self)
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.recoveries.enter {
            loop.execute { box.value.readHistories() }
        }
    }

    /// It is this session's turn; it gives it up when it has read, or has ended meanwhile.
    private func readHistories() {
        guard let recovery else { return node.recoveries.leave() }
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        recovery.isReading = true
        for (name, channel) in recovery.channels {
            node.store.history(of: name, after: channel.asked, limit: Recovery.limit) { result in
                loop.execute { box.value.read(name, result) }
            }
        }
    }

    func read(_ name: String, _ result: Result<HistoryPage, BusError>) {
        guard recovery != nil else { return }
        switch result {
        case .success(let page): recovery?.channels[name]?.page = page
        case .failure(let error): return cannotRecover(error)
        }
        recovery?.pendingReads -= 1
        guard recovery?.pendingReads == 0 else { return }
        recovery?.isReading = false
        node.recoveries.leave()
        // After this, whatever a history held has been heard of as well, and whatever comes later will be held or delivered.
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.bus.barrier { result in
            loop.execute { box.value.recovered(result) }
        }
    }

    private func recovered(_ result: Result<Void, BusError>) {
        guard phase == .registering else { return }
        if case .failure(let error) = result { return cannotRecover(error) }
        shard.open(self)
    }

    /// A hole that is none would be told, and no offset to go on from could be given: what the client has now is better, and good for
    /// another try.
    private func cannotRecover(_ error: BusError) {
        guard phase == .registering else { return }
        close(.overloaded, reason: "\(error)")
    }

    /// The session opens: from here on pushes come to it directly.
    ///
    /// - Returns: What the hello says of the channels, and what follows it.
    func takeRecovery() -> (states: [String: ServerFrame.Hello.Channel], isRecovered: Bool, missed: [BusPush]) {
        guard let recovery else { return ([:], false, []) }
        self.recovery = nil
        if recovery.isReading { node.recoveries.leave() }
        shard.recovering.removeAll { $0 === self }
        let resumed = recovery.channels.values.filter(\.isResumed)
        let missed = recovery.channels.sorted { $0.key < $1.key }.flatMap(\.value.missed)
        return (
            recovery.channels.mapValues(\.state), !resumed.isEmpty && resumed.allSatisfy(\.isRecovered), missed
        )
    }
}

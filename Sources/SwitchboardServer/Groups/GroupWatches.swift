import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Who is in the groups that clients watch, cluster-wide.
///
/// A node on which somebody watches a group announces it to all for a while, and again and again, as ``EventHub`` does; each node
/// tells it its members at once, and then who comes and leaves, gathered for a tenth of a second. While nobody watches, a join
/// pays one relaxed load; while somebody does, it writes the member down, and waits for nobody who sorts a list or puts together
/// what clients see. All that is told leaves from ``sweep(_:)``, so it stays in order.
final class GroupWatches: Sendable {
    /// Seconds between two renewals, and for which a watch holds without one.
    private static let renewal: UInt64 = 5
    private static let lease = 15
    /// Nanoseconds for which nodes that do not tell their members are awaited.
    private static let patience: UInt64 = 1_000_000_000
    /// Groups of which other nodes, and clients here, are told.
    private static let maximumRolls = 4096
    static let maximumViews = 1000
    /// Groups that one session may watch.
    static let maximumPerSession = 16

    /// What this node tells of a group.
    private struct Telling {
        struct Listener {
            /// Monotonic nanoseconds.
            var until: UInt64
            var wantsAll: Bool
        }

        var roll = GroupRoll()
        var listeners: [NodeID: Listener] = [:]
        var sequence = 0
        /// Event loops that have not said yet who is in the group.
        var pendingShards: Int
        let number: Int
    }

    /// What clients of this node are told of a group.
    private struct Viewing {
        var view = GroupView()
        /// Those that watch, and whether they know who is in it.
        var watchers: [SessionPlace: Bool] = [:]
        let since: UInt64
        var renewAt: UInt64 = 0
        var wantsAll = true
    }

    private struct Tellings {
        var groups: [GroupName: Telling] = [:]
        var lastNumber = 0
    }

    private let bus: any Bus
    private let told = Atomic(false)
    private let watched = Atomic(false)
    /// Sessions that join and leave wait for this one, so little is done under it.
    private let tellings = Mutex(Tellings())
    private let viewings = Mutex<[GroupName: Viewing]>([:])

    init(bus: any Bus) { self.bus = bus }

    // MARK: Sessions of this node

    /// Whether anybody anywhere wants to know of any group.
    var isTold: Bool { told.load(ordering: .relaxed) }

    /// Call it only while ``isTold``.
    func joined(_ group: GroupName, _ member: GroupMember, at place: SessionPlace) {
        tellings.withLock { $0.groups[group]?.roll.add(member, at: place) }
    }

    /// Call it only while ``isTold``.
    func left(_ group: GroupName, _ client: ClientID, at place: SessionPlace) {
        tellings.withLock { $0.groups[group]?.roll.remove(client, at: place) }
    }

    /// A session wants to know who is in the group.
    ///
    /// - Returns: false when too many groups are watched here.
    func watch(_ group: GroupName, at place: SessionPlace) -> Bool {
        let now = MonotonicClock.nanoseconds()
        return viewings.withLock { viewings in
            guard viewings[group] != nil || viewings.count < Self.maximumViews else { return false }
            viewings[group, default: Viewing(since: now)].watchers[place] = false
            watched.store(true, ordering: .relaxed)
            return true
        }
    }

    func unwatch(_ group: GroupName, at place: SessionPlace) {
        let isOver = viewings.withLock { viewings in
            guard viewings[group]?.watchers.removeValue(forKey: place) != nil,
                viewings[group]?.watchers.isEmpty == true
            else { return false }
            viewings[group] = nil
            watched.store(!viewings.isEmpty, ordering: .relaxed)
            return true
        }
        guard isOver else { return }
        bus.publish(.groupWatch(GroupWatch(group: group, origin: bus.node, lease: 0, wantsAll: false))) { _ in }
    }

    // MARK: Messages

    /// A node wants to know who is in a group, goes on wanting it, or does so no more.
    func heed(_ watch: GroupWatch, on node: Node) {
        let now = MonotonicClock.nanoseconds()
        let begun: Int? = tellings.withLock { tellings in
            guard watch.lease > 0 else {
                tellings.groups[watch.group]?.listeners[watch.origin] = nil
                return nil
            }
            var number: Int?
            if tellings.groups[watch.group] == nil {
                guard tellings.groups.count < Self.maximumRolls else { return nil }
                tellings.lastNumber += 1
                number = tellings.lastNumber
                tellings.groups[watch.group] = Telling(pendingShards: node.shards.count, number: tellings.lastNumber)
                told.store(true, ordering: .relaxed)
            }
            let known = tellings.groups[watch.group]?.listeners[watch.origin]
            tellings.groups[watch.group]?.listeners[watch.origin] = Telling.Listener(
                until: now + UInt64(watch.lease) * 1_000_000_000,
                wantsAll: watch.wantsAll || known?.wantsAll ?? true)
            return number
        }
        guard let begun else { return }
        // Whoever comes or leaves from here on is noted; those that are there already are asked for.
        for shard in node.shards {
            node.on(shard) { self.collected($0.members(of: watch.group), of: watch.group, begun) }
        }
    }

    private func collected(_ members: [(GroupMember, SessionPlace)], of group: GroupName, _ number: Int) {
        tellings.withLock { tellings in
            guard tellings.groups[group]?.number == number else { return }
            for (member, place) in members { tellings.groups[group]?.roll.add(member, at: place) }
            tellings.groups[group]?.pendingShards -= 1
        }
    }

    /// A node tells who is in a group.
    func received(_ change: GroupChange) {
        viewings.withLock { viewings in
            guard viewings[change.group]?.view.take(change) == false else { return }
            viewings[change.group]?.wantsAll = true
            viewings[change.group]?.renewAt = 0
        }
    }

    /// Messages may have been lost, or a node has come that knows of no watch yet.
    ///
    /// - Parameter wantsAll: Something may have been lost, also of what this node told: a listener sees a hole only with the next
    ///   change, and there may be none.
    func refresh(wantsAll: Bool) {
        if wantsAll {
            tellings.withLock { tellings in
                for group in Array(tellings.groups.keys) {
                    guard let listeners = tellings.groups[group]?.listeners else { continue }
                    for listener in listeners.keys { tellings.groups[group]?.listeners[listener]?.wantsAll = true }
                }
            }
        }
        viewings.withLock { viewings in
            for group in Array(viewings.keys) {
                viewings[group]?.renewAt = 0
                if wantsAll { viewings[group]?.wantsAll = true }
            }
        }
    }

    // MARK: Time

    /// Time passes: called several times a second, never twice at once.
    func sweep(_ node: Node) {
        guard isTold || watched.load(ordering: .relaxed) else { return }
        let now = MonotonicClock.nanoseconds()
        let living = node.roster.living.union([bus.node])
        for watch in takeRenewals(now, living) { bus.publish(.groupWatch(watch)) { _ in } }
        for (listener, change) in takeAccounts(now).flatMap(\.messages) {
            if listener == bus.node { received(change) } else { bus.send(.groupChange(change), to: listener) }
        }
        for (frame, places) in takeNews(now, living) { tell(frame, places, on: node) }
    }

    private func takeRenewals(_ now: UInt64, _ living: Set<NodeID>) -> [GroupWatch] {
        viewings.withLock { viewings in
            var renewals: [GroupWatch] = []
            for (group, viewing) in viewings where viewing.renewAt <= now {
                // A node may have been taken for dead, and have nothing new to tell.
                let wantsAll = viewing.wantsAll || !viewing.view.isWhole(living)
                renewals.append(
                    GroupWatch(group: group, origin: bus.node, lease: Self.lease, wantsAll: wantsAll))
                viewings[group]?.renewAt = now + Self.renewal * 1_000_000_000
                viewings[group]?.wantsAll = false
            }
            return renewals
        }
    }

    private func takeAccounts(_ now: UInt64) -> [GroupAccount] {
        tellings.withLock { tellings in
            var accounts: [GroupAccount] = []
            for group in Array(tellings.groups.keys) {
                guard var telling = tellings.groups.removeValue(forKey: group) else { continue }
                telling.listeners = telling.listeners.filter { $0.value.until > now }
                guard !telling.listeners.isEmpty else { continue }
                if telling.pendingShards == 0, let account = Self.account(&telling, group, bus.node) {
                    accounts.append(account)
                }
                tellings.groups[group] = telling
            }
            told.store(!tellings.groups.isEmpty, ordering: .relaxed)
            return accounts
        }
    }

    /// - Returns: nil when there is nothing to tell.
    private static func account(_ telling: inout Telling, _ group: GroupName, _ node: NodeID) -> GroupAccount? {
        var account = GroupAccount(
            group: group, node: node, isComplete: telling.roll.isComplete, sequence: telling.sequence,
            change: telling.roll.takeChange())
        for (listener, state) in telling.listeners {
            if state.wantsAll { account.newcomers.append(listener) } else { account.listeners.append(listener) }
        }
        guard account.change != nil || !account.newcomers.isEmpty else { return nil }
        telling.sequence = account.lastSequence
        guard !account.newcomers.isEmpty else { return account }
        account.members = telling.roll.unordered
        for listener in account.newcomers { telling.listeners[listener]?.wantsAll = false }
        return account
    }

    /// What watchers are to be told, in order; lists of members are in none.
    private func takeNews(_ now: UInt64, _ living: Set<NodeID>) -> [(ServerFrame, [SessionPlace])] {
        viewings.withLock { viewings in
            var news: [(ServerFrame, [SessionPlace])] = []
            for group in Array(viewings.keys) {
                guard var viewing = viewings.removeValue(forKey: group) else { continue }
                viewing.view.keep(living)
                let isWhole = viewing.view.isWhole(living)
                if isWhole || now >= viewing.since + Self.patience {
                    let knowing = viewing.watchers.filter(\.value).map(\.key)
                    if let (joined, left) = viewing.view.takeDifference(), !knowing.isEmpty {
                        news.append((.presence(group: group, joined: joined, left: left), knowing))
                    }
                    let newcomers = viewing.watchers.filter { !$0.value }.map(\.key)
                    if !newcomers.isEmpty {
                        let isComplete = isWhole && viewing.view.isComplete
                        news.append(
                            (.members(group: group, viewing.view.unordered, isComplete: isComplete), newcomers))
                        for place in newcomers { viewing.watchers[place] = true }
                    }
                }
                viewings[group] = viewing
            }
            return news
        }
    }

    private func tell(_ frame: ServerFrame, _ places: [SessionPlace], on node: Node) {
        var frame = frame
        if case .members(let group, let members, let isComplete) = frame {
            frame = .members(group: group, members.sorted { $0.client < $1.client }, isComplete: isComplete)
        }
        for (shard, places) in Dictionary(grouping: places, by: \.shard) {
            node.on(node.shards[Int(shard)]) { [frame] shard in
                for place in places { shard.openSession(at: place)?.send(frame) }
            }
        }
    }
}

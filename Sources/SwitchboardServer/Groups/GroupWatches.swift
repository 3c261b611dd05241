import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Who is in the groups that clients watch, cluster-wide.
///
/// A node on which somebody watches a group announces it to all for a while, and again and again, as ``EventHub`` does; each node
/// tells it its members at once, and then who comes and leaves, gathered for a tenth of a second. While nobody watches, a join
/// pays one relaxed load. All that is told leaves from ``sweep(_:)``, so it stays in order.
final class GroupWatches: Sendable {
    /// Seconds between two renewals, and for which a watch holds without one.
    private static let renewal: UInt64 = 5
    private static let lease = 15
    /// Nanoseconds for which nodes that do not tell their members are awaited.
    private static let patience: UInt64 = 1_000_000_000
    /// Groups of which other nodes, and clients here, are told.
    private static let maximumRolls = 4096
    private static let maximumViews = 1000
    /// Groups that one session may watch.
    static let maximumPerSession = 16
    /// Members in one message.
    private static let piece = 100

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

    private struct State {
        var telling: [GroupName: Telling] = [:]
        var viewing: [GroupName: Viewing] = [:]
        var lastNumber = 0
    }

    private let bus: any Bus
    private let told = Atomic(false)
    private let watched = Atomic(false)
    private let state = Mutex(State())

    init(bus: any Bus) { self.bus = bus }

    // MARK: Sessions of this node

    /// Whether anybody anywhere wants to know of any group.
    var isTold: Bool { told.load(ordering: .relaxed) }

    /// Call it only while ``isTold``.
    func joined(_ group: GroupName, _ member: GroupMember, at place: SessionPlace) {
        state.withLock { $0.telling[group]?.roll.add(member, at: place) }
    }

    /// Call it only while ``isTold``.
    func left(_ group: GroupName, _ client: ClientID, at place: SessionPlace) {
        state.withLock { $0.telling[group]?.roll.remove(client, at: place) }
    }

    /// A session wants to know who is in the group.
    ///
    /// - Returns: false when too many groups are watched here.
    func watch(_ group: GroupName, at place: SessionPlace) -> Bool {
        let now = MonotonicClock.nanoseconds()
        return state.withLock { state in
            guard state.viewing[group] != nil || state.viewing.count < Self.maximumViews else { return false }
            state.viewing[group, default: Viewing(since: now)].watchers[place] = false
            watched.store(true, ordering: .relaxed)
            return true
        }
    }

    func unwatch(_ group: GroupName, at place: SessionPlace) {
        let isOver = state.withLock { state in
            guard state.viewing[group]?.watchers.removeValue(forKey: place) != nil,
                state.viewing[group]?.watchers.isEmpty == true
            else { return false }
            state.viewing[group] = nil
            watched.store(!state.viewing.isEmpty, ordering: .relaxed)
            return true
        }
        guard isOver else { return }
        bus.publish(.groupWatch(GroupWatch(group: group, origin: bus.node, lease: 0, wantsAll: false))) { _ in }
    }

    // MARK: Messages

    /// A node wants to know who is in a group, goes on wanting it, or does so no more.
    func heed(_ watch: GroupWatch, on node: Node) {
        let now = MonotonicClock.nanoseconds()
        let begun: Int? = state.withLock { state in
            guard watch.lease > 0 else {
                state.telling[watch.group]?.listeners[watch.origin] = nil
                return nil
            }
            var number: Int?
            if state.telling[watch.group] == nil {
                guard state.telling.count < Self.maximumRolls else { return nil }
                state.lastNumber += 1
                number = state.lastNumber
                state.telling[watch.group] = Telling(pendingShards: node.shards.count, number: state.lastNumber)
                told.store(true, ordering: .relaxed)
            }
            let known = state.telling[watch.group]?.listeners[watch.origin]
            state.telling[watch.group]?.listeners[watch.origin] = Telling.Listener(
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
        state.withLock { state in
            guard state.telling[group]?.number == number else { return }
            for (member, place) in members { state.telling[group]?.roll.add(member, at: place) }
            state.telling[group]?.pendingShards -= 1
        }
    }

    /// A node tells who is in a group.
    func received(_ change: GroupChange) {
        state.withLock { state in
            guard state.viewing[change.group] != nil else { return }
            guard state.viewing[change.group]?.view.take(change) == false else { return }
            state.viewing[change.group]?.wantsAll = true
            state.viewing[change.group]?.renewAt = 0
        }
    }

    /// Messages may have been lost, or a node has come that knows of no watch yet.
    ///
    /// - Parameter wantsAll: Something may have been lost, also of what this node told: a listener sees a hole only with the next
    ///   change, and there may be none.
    func refresh(wantsAll: Bool) {
        state.withLock { state in
            for group in Array(state.telling.keys) where wantsAll {
                guard let listeners = state.telling[group]?.listeners else { continue }
                for listener in listeners.keys { state.telling[group]?.listeners[listener]?.wantsAll = true }
            }
            for group in state.viewing.keys {
                state.viewing[group]?.renewAt = 0
                if wantsAll { state.viewing[group]?.wantsAll = true }
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
        for (listener, change) in takeChanges(now) {
            if listener == bus.node { received(change) } else { bus.send(.groupChange(change), to: listener) }
        }
        for (frame, places) in takeNews(now, living) { tell(frame, places, on: node) }
    }

    private func takeRenewals(_ now: UInt64, _ living: Set<NodeID>) -> [GroupWatch] {
        state.withLock { state in
            var renewals: [GroupWatch] = []
            for (group, viewing) in state.viewing where viewing.renewAt <= now {
                // A node may have been taken for dead, and have nothing new to tell.
                let wantsAll = viewing.wantsAll || !viewing.view.isWhole(living)
                renewals.append(
                    GroupWatch(group: group, origin: bus.node, lease: Self.lease, wantsAll: wantsAll))
                state.viewing[group]?.renewAt = now + Self.renewal * 1_000_000_000
                state.viewing[group]?.wantsAll = false
            }
            return renewals
        }
    }

    private func takeChanges(_ now: UInt64) -> [(NodeID, GroupChange)] {
        state.withLock { state in
            var changes: [(NodeID, GroupChange)] = []
            for group in Array(state.telling.keys) {
                guard var telling = state.telling.removeValue(forKey: group) else { continue }
                telling.listeners = telling.listeners.filter { $0.value.until > now }
                guard !telling.listeners.isEmpty else { continue }
                if telling.pendingShards == 0 { changes += Self.changes(&telling, group, bus.node) }
                state.telling[group] = telling
            }
            told.store(!state.telling.isEmpty, ordering: .relaxed)
            return changes
        }
    }

    private static func changes(
        _ telling: inout Telling, _ group: GroupName, _ node: NodeID
    ) -> [(NodeID, GroupChange)] {
        var changes: [(NodeID, GroupChange)] = []
        let isComplete = telling.roll.isComplete
        if let (joined, left) = telling.roll.takeChange() {
            let count = max(1, (max(joined.count, left.count) + piece - 1) / piece)
            for index in 0..<count {
                telling.sequence += 1
                let change = GroupChange(
                    group: group, node: node, sequence: telling.sequence, isComplete: isComplete,
                    joined: Array(joined.dropFirst(index * piece).prefix(piece)),
                    left: Array(left.dropFirst(index * piece).prefix(piece)))
                for (listener, state) in telling.listeners where !state.wantsAll { changes.append((listener, change)) }
            }
        }
        let newcomers = telling.listeners.filter(\.value.wantsAll).keys
        guard !newcomers.isEmpty else { return changes }
        let members = telling.roll.members
        let count = max(1, (members.count + piece - 1) / piece)
        for listener in newcomers {
            for index in 0..<count {
                let change = GroupChange(
                    group: group, node: node, sequence: telling.sequence, begins: index == 0,
                    ends: index == count - 1, isComplete: isComplete,
                    joined: Array(members.dropFirst(index * piece).prefix(piece)))
                changes.append((listener, change))
            }
            telling.listeners[listener]?.wantsAll = false
        }
        return changes
    }

    private func takeNews(_ now: UInt64, _ living: Set<NodeID>) -> [(ServerFrame, [SessionPlace])] {
        state.withLock { state in
            var news: [(ServerFrame, [SessionPlace])] = []
            for group in Array(state.viewing.keys) {
                guard var viewing = state.viewing.removeValue(forKey: group) else { continue }
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
                            (.members(group: group, viewing.view.members, isComplete: isComplete), newcomers))
                        for place in newcomers { viewing.watchers[place] = true }
                    }
                }
                state.viewing[group] = viewing
            }
            return news
        }
    }

    private func tell(_ frame: ServerFrame, _ places: [SessionPlace], on node: Node) {
        for (shard, places) in Dictionary(grouping: places, by: \.shard) {
            node.on(node.shards[Int(shard)]) { shard in
                for place in places { shard.openSession(at: place)?.send(frame) }
            }
        }
    }
}

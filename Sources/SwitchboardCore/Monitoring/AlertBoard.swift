public import SwitchboardProtocol

/// The alerts of all nodes, as one node knows them: so that each can go on with those of a client that comes to it, and the
/// clients of a node that died are not in alarm for ever. Decides only; times are milliseconds of any clock that only rises.
public struct AlertBoard: Sendable {
    /// For so long an alert of a client that is gone waits for the client to come back, to whichever node.
    public static let grace: UInt64 = 30_000
    /// Beyond it no alert is taken.
    public static let limit = 100_000

    private struct Entry {
        var alert: Alert
        /// Since when nobody judges the client.
        var leftAt: UInt64?
        let heardAt: UInt64
    }

    private let node: NodeID
    private let limit: Int
    private var entries: [ClientID: [String: Entry]] = [:]
    /// Of all nodes.
    public private(set) var count = 0

    public init(node: NodeID, limit: Int = AlertBoard.limit) {
        self.node = node
        self.limit = limit
    }

    // MARK: What is judged here

    /// The names of a client's alerts that its health decides, whichever node has raised them.
    public func judged(of client: ClientID) -> [String] {
        (entries[client] ?? [:]).values.filter { !$0.alert.isOffline }.map(\.alert.name)
    }

    /// Whether a client has this alert, whichever node has raised it.
    public func has(_ name: String, of client: ClientID) -> Bool { entries[client]?[name] != nil }

    /// A client of this node is in alarm.
    ///
    /// - Returns: Whether there is room.
    public mutating func raise(_ alert: Alert, now: UInt64) -> Bool { put(alert, now) }

    /// It still is.
    ///
    /// - Returns: The alert when it was another node's until now, or an older session's: the others have to know.
    public mutating func keep(
        _ name: String, of client: ClientID, epoch: UInt64, value: AlertValue
    ) -> Alert? {
        guard var entry = entries[client]?[name] else { return nil }
        let before = entry.alert
        entry.alert.value = value
        entry.alert.node = node
        entry.alert.epoch = epoch
        entry.leftAt = nil
        entries[client]?[name] = entry
        return before.node == node && before.epoch == epoch ? nil : entry.alert
    }

    /// - Returns: The alert as it was; nil when there is none.
    public mutating func clear(_ name: String, of client: ClientID) -> Alert? {
        guard let entry = entries[client]?.removeValue(forKey: name) else { return nil }
        if entries[client]?.isEmpty == true { entries[client] = nil }
        count -= 1
        return entry.alert
    }

    /// A session of this node has ended; its alerts wait for the next one.
    public mutating func left(_ client: ClientID, epoch: UInt64, now: UInt64) {
        for (name, entry) in entries[client] ?? [:]
        where entry.alert.node == node && entry.alert.epoch <= epoch && !entry.alert.isOffline {
            entries[client]?[name]?.leftAt = now
        }
    }

    /// A client is connected.
    ///
    /// - Returns: The alerts that said it is not; they are cleared by this.
    public mutating func came(_ client: ClientID) -> [Alert] {
        let names = (entries[client] ?? [:]).values.filter(\.alert.isOffline).map(\.alert.name)
        return names.compactMap { clear($0, of: client) }
    }

    // MARK: What other nodes tell

    /// Another node has raised an alert, goes on with it, or has cleared it.
    public mutating func heard(_ notice: AlertNotice, now: UInt64) {
        let alert = notice.alert
        guard alert.node != node else { return }
        let known = entries[alert.client]?[alert.name]?.alert
        guard known.map({ alert.epoch >= $0.epoch }) ?? true else { return }
        switch notice.action {
        case .raised: _ = put(alert, now)
        case .cleared: _ = clear(alert.name, of: alert.client)
        case .gone: break
        }
    }

    /// A node has told all of its alerts.
    ///
    /// - Parameters:
    ///   - isWhole: Whether those that are missing are none any more.
    ///   - askedAt: When it was asked: what was heard of it since is newer.
    public mutating func heard(all alerts: [Alert], of other: NodeID, isWhole: Bool, askedAt: UInt64, now: UInt64) {
        guard other != node else { return }
        if isWhole {
            let told = Set(alerts.map { Key(client: $0.client, name: $0.name) })
            for (client, named) in entries {
                for (name, entry) in named
                where entry.alert.node == other && entry.heardAt < askedAt
                    && !told.contains(Key(client: client, name: name))
                {
                    _ = clear(name, of: client)
                }
            }
        }
        for alert in alerts { heard(AlertNotice(.raised, alert), now: now) }
    }

    private struct Key: Hashable {
        let client: ClientID
        let name: String
    }

    // MARK: Time

    /// What this node has to do about alerts that nobody looks after.
    public struct Duties: Hashable, Sendable {
        /// They are over: the client has not come back, or not with this trouble.
        public var cleared: [Alert] = []
        /// They go on, and are this node's from now on.
        public var inherited: [Alert] = []
    }

    /// Time passes.
    ///
    /// - Parameter living: The nodes that live. Of those the first in the order of names acts for one that does not.
    public mutating func sweep(living: Set<NodeID>, now: UInt64) -> Duties {
        var duties = Duties()
        guard count > 0 else { return duties }
        let isFirst = living.allSatisfy { $0 >= node }
        for (client, named) in entries {
            for (name, entry) in named {
                let isOwn = entry.alert.node == node
                if !isOwn {
                    let isAlive = living.contains(entry.alert.node)
                    let leftAt = isAlive ? nil : entry.leftAt ?? now
                    if leftAt != entry.leftAt { entries[client]?[name]?.leftAt = leftAt }
                    if isAlive { continue }
                }
                guard let leftAt = entry.leftAt, now >= leftAt + Self.grace else { continue }
                if isOwn || isFirst && !entry.alert.isOffline {
                    if let alert = clear(name, of: client) { duties.cleared.append(alert) }
                } else if isFirst {
                    var alert = entry.alert
                    alert.node = node
                    _ = put(alert, now)
                    duties.inherited.append(alert)
                } else if now >= leftAt + 2 * Self.grace {
                    // Whoever was to act has told us, or is gone as well.
                    _ = clear(name, of: client)
                }
            }
        }
        return duties
    }

    // MARK: Looks

    /// The alerts that this node answers for: its own, and those of nodes that are gone.
    public func told(living: Set<NodeID>) -> [Alert] {
        entries.values.flatMap { $0.values.map(\.alert) }.filter { $0.node == node || !living.contains($0.node) }
    }

    /// How many of this node's own have the level.
    public func count(_ level: AlertLevel) -> Int {
        entries.values.reduce(0) { sum, named in
            sum + named.values.count { $0.alert.node == node && $0.alert.level == level }
        }
    }

    /// Clients of which this node says that they are offline.
    public func offline() -> [ClientID] {
        entries.filter { $0.value.values.contains { $0.alert.isOffline && $0.alert.node == node } }.map(\.key)
    }

    private mutating func put(_ alert: Alert, _ now: UInt64) -> Bool {
        let isNew = entries[alert.client]?[alert.name] == nil
        guard !isNew || count < limit else { return false }
        entries[alert.client, default: [:]][alert.name] = Entry(alert: alert, leftAt: nil, heardAt: now)
        if isNew { count += 1 }
        return true
    }
}

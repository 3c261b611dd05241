import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// A client's record as Redis has it.
struct PresenceRecord {
    private let values: [RESPReply]

    /// - Parameter reply: To ``CommandBuffer/record(of:keys:)``.
    /// - Returns: nil when there is no record.
    init?(_ reply: RESPReply) {
        guard let values = reply.elements, values.count == PresenceFields.all.count, values[2] != .null else {
            return nil
        }
        self.values = values
    }

    /// What the record says to whom knows which nodes live.
    ///
    /// - Parameter resumeWindow: Milliseconds.
    func presence(of client: ClientID, leases: Leases, resumeWindow: UInt64) -> ClientPresence {
        var presence = ClientPresence(
            client: client, state: .online, epoch: number(2) ?? 0, groups: groups, labels: labels)
        presence.node = values[0].text.flatMap(NodeID.init(rawValue:))
        presence.session = values[1].text.flatMap(SessionID.init(rawValue:))
        presence.address = values[3].text
        presence.userAgent = values[4].text.flatMap { $0.isEmpty ? nil : $0 }
        presence.connectedAt = number(7)
        presence.lastSeenAt = number(8)
        presence.roundTrip = values[9].text.flatMap(Double.init)
        if case .bulk(let health) = values[10] { presence.health = health }
        var isLost = values[14].text == "1"
        if let at = number(11) {
            presence.disconnectedAt = at
            presence.closeCode = values[12].integer.flatMap(UInt16.init(exactly:))
            presence.closeReason = values[13].text
        } else if let node = presence.node, !leases.isAlive(node) {
            // Its node is dead, and nobody has cleaned up yet.
            presence.disconnectedAt = leases.end(of: node) ?? presence.lastSeenAt
            presence.closeCode = CloseCode.abnormal.rawValue
            presence.closeReason = NodeLease.lostReason
            isLost = true
        } else {
            return presence
        }
        let isSuspect = isLost && leases.now < (presence.disconnectedAt ?? 0) + resumeWindow
        presence.state = isSuspect ? .suspect : .offline
        return presence
    }

    private func number(_ index: Int) -> UInt64? { values[index].integer.flatMap(UInt64.init(exactly:)) }

    private var labels: [String: String] {
        guard case .bulk(let buffer) = values[5], let document = try? JSONDocument(buffer),
            let slice = document["labels"]
        else { return [:] }
        return document.stringMap(slice, limit: Target.maximumLabels) ?? [:]
    }

    private var groups: [GroupName] {
        guard case .bulk(let buffer) = values[6], let document = try? JSONDocument(buffer),
            let slice = document["groups"]
        else { return [] }
        return (document.elements(slice) ?? []).compactMap { document.string($0).flatMap(GroupName.init(rawValue:)) }
    }
}

/// Which nodes live, by the clock of Redis.
struct Leases {
    /// Unix milliseconds.
    let now: UInt64
    /// Unix milliseconds at which each node's lease ends or ended.
    private let ends: [NodeID: UInt64]

    /// - Parameters:
    ///   - time: The reply to `TIME`.
    ///   - scores: The reply to `ZRANGE ... WITHSCORES`.
    init(time: RESPReply, scores: RESPReply) throws {
        guard let now = Self.milliseconds(time), let list = scores.elements else {
            throw BusError.unavailable("Redis gave no list of nodes")
        }
        self.now = now
        var ends: [NodeID: UInt64] = [:]
        for index in stride(from: 0, to: list.count - 1, by: 2) {
            guard let node = list[index].text.flatMap(NodeID.init(rawValue:)), let end = list[index + 1].integer else {
                continue
            }
            ends[node] = UInt64(max(0, end))
        }
        self.ends = ends
    }

    func isAlive(_ node: NodeID) -> Bool { (ends[node] ?? 0) > now }

    func end(of node: NodeID) -> UInt64? { ends[node] }

    /// In the order of their ids.
    var dead: [NodeID] { ends.keys.filter { !isAlive($0) }.sorted() }

    var alive: [NodeID] { ends.keys.filter(isAlive).sorted() }

    /// - Parameters:
    ///   - score: The reply to `ZSCORE`.
    ///   - time: The reply to `TIME`.
    static func isAlive(score: RESPReply, time: RESPReply) -> Bool {
        guard let now = milliseconds(time), let end = score.integer else { return false }
        return end > Int(now)
    }

    /// Of no clock that is right; its milliseconds are still far from the largest number.
    private static let latestSecond = 1 << 40

    private static func milliseconds(_ time: RESPReply) -> UInt64? {
        guard let parts = time.elements, parts.count == 2, let seconds = parts[0].integer, let micro = parts[1].integer,
            (0...latestSecond).contains(seconds), (0..<1_000_000).contains(micro)
        else {
            return nil
        }
        return UInt64(seconds) * 1000 + UInt64(micro) / 1000
    }
}

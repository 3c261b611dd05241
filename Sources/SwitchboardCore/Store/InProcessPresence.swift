import DequeModule
import NIOCore
import SwitchboardProtocol
import Synchronization

/// What the store of an ``InProcessCluster`` remembers; one lock, since nothing here waits.
final class InProcessPresence: Sendable {
    /// Clients that are not online of whom a record is kept; beyond it the longest gone are forgotten.
    static let maximumOffline = 100_000

    fileprivate struct Record {
        var live: SessionRecord?
        var epoch: UInt64 = 0
        var lastSeenAt: UInt64 = 0
        var roundTrip: Float = -1
        var details: Details?
        var connects = ConnectCount()
    }

    /// What few clients have, kept apart so that the others stay small.
    fileprivate final class Details: Sendable {
        let last: SessionRecord?
        let groups: [GroupName]?
        let health: ByteBuffer?
        let departure: Departure?

        init(last: SessionRecord?, groups: [GroupName]?, health: ByteBuffer?, departure: Departure?) {
            self.last = last
            self.groups = groups
            self.health = health
            self.departure = departure
        }
    }

    fileprivate struct State {
        var clients: [ClientID: Record] = [:]
        /// The order in which clients went offline, with the epoch that ended; stale where the client came back.
        var gone: Deque<(client: ClientID, epoch: UInt64)> = []
        /// Clients of whom there is a record and no session.
        var offline = 0
        var leases: [NodeID: NodeDescription] = [:]
        var messageIDs = RecentIDs()
    }

    private let state = Mutex(State())
    private let resumeWindow: UInt64
    private let clock: @Sendable () -> UInt64

    init(resumeWindow: Int, clock: @escaping @Sendable () -> UInt64) {
        self.resumeWindow = UInt64(resumeWindow) * 1000
        self.clock = clock
    }

    func owner(of client: ClientID) -> NodeID? {
        state.withLock { $0.clients[client]?.live?.node }
    }

    /// - Returns: The registration, and the eviction that the older session's node must hear.
    func register(_ session: SessionRecord, policy: DuplicatePolicy) -> (Registration, (Eviction, NodeID)?) {
        let now = clock()
        return state.withLock { state in
            var record = state.clients[session.client] ?? Record()
            if policy == .reject, let live = record.live { return (.duplicate(node: live.node), nil) }
            if let wait = record.connects.count(now: now) {
                state.clients[session.client] = record
                return (.coolingDown(seconds: wait), nil)
            }
            record.epoch += 1
            var eviction: (Eviction, NodeID)?
            if let older = record.live {
                eviction = (
                    Eviction(
                        client: session.client, session: older.session, epoch: record.epoch, node: session.node,
                        address: session.address), older.node
                )
            } else if record.details?.departure != nil {
                state.offline -= 1
            }
            record.live = session
            record.lastSeenAt = now
            record.roundTrip = -1
            record.details = nil
            state.clients[session.client] = record
            // The mailbox is looked at once the session is there: what comes from then on is sent to it.
            return (.registered(epoch: record.epoch, hasMail: true), eviction)
        }
    }

    func unregister(_ departure: Departure) {
        state.withLock { state in
            guard var record = state.clients[departure.client], record.epoch == departure.epoch,
                let live = record.live, live.session == departure.session
            else { return }
            record.lose(live, departure)
            state.clients[departure.client] = record
            state.noteGone(departure.client, epoch: departure.epoch)
        }
    }

    func touch(_ changes: [PresenceChange]) {
        state.withLock { state in
            for change in changes {
                guard var record = state.clients[change.client], record.epoch == change.epoch, record.live != nil else {
                    continue
                }
                if let seen = change.lastSeenAt { record.lastSeenAt = seen }
                if let roundTrip = change.roundTrip { record.roundTrip = Float(roundTrip) }
                if change.groups != nil || change.health != nil {
                    record.details = Details(
                        last: nil, groups: change.groups ?? record.details?.groups,
                        health: change.health ?? record.details?.health, departure: nil)
                }
                state.clients[change.client] = record
            }
        }
    }

    func client(_ id: ClientID) -> ClientPresence? {
        let now = clock()
        return state.withLock { state in state.clients[id].map { view($0, of: id, now: now) } }
    }

    func clients(_ filter: ClientFilter, limit: Int, after cursor: ClientID?) -> ClientPage {
        let now = clock()
        return state.withLock { state in
            var found: [ClientPresence] = []
            let names = state.clients.keys.filter { id in cursor.map { id > $0 } ?? true }.sorted()
            for name in names {
                guard let record = state.clients[name] else { continue }
                let client = view(record, of: name, now: now)
                guard filter.accepts(client) else { continue }
                if found.count == limit { return ClientPage(clients: found, next: found.last?.client) }
                found.append(client)
            }
            return ClientPage(clients: found, next: nil)
        }
    }

    func beat(_ node: NodeDescription) { state.withLock { $0.leases[node.id] = node } }

    func endLease(of node: NodeID) { state.withLock { $0.leases[node] = nil } }

    func nodes() -> [NodeDescription] {
        state.withLock { state in state.leases.values.sorted { $0.id < $1.id } }
    }

    /// Within a process a node cannot die alone, but a test can lose one (``InProcessCluster/lose(_:)``).
    func reap() -> [(node: NodeID, clients: Int)] {
        let leases = state.withLock { $0.leases }
        var lost: [NodeID: Int] = [:]
        lose { session in
            guard leases[session.node] == nil else { return false }
            lost[session.node, default: 0] += 1
            return true
        }
        return lost.map { (node: $0.key, clients: $0.value) }
    }

    /// Shows live sessions as lost.
    ///
    /// - Returns: Those that `isLost` chose.
    @discardableResult
    func lose(_ isLost: (SessionRecord) -> Bool) -> [SessionLoss] {
        let now = clock()
        return state.withLock { state in
            var losses: [SessionLoss] = []
            for (client, record) in state.clients {
                guard let live = record.live, isLost(live) else { continue }
                var record = record
                record.lose(
                    live,
                    Departure(
                        client: client, session: live.session, node: live.node, epoch: record.epoch,
                        closeCode: CloseCode.abnormal.rawValue, reason: NodeLease.lostReason, isLost: true, at: now))
                state.clients[client] = record
                state.noteGone(client, epoch: record.epoch)
                losses.append(SessionLoss(client: client, session: live.session, diedAt: now))
            }
            return losses
        }
    }

    /// The live sessions of a node.
    func sessions(of node: NodeID) -> Set<SessionID> {
        state.withLock { state in
            Set(state.clients.values.compactMap { $0.live?.node == node ? $0.live?.session : nil })
        }
    }

    /// The sessions that the next ``reap()`` will find.
    func orphans() -> [SessionLoss] {
        let now = clock()
        return state.withLock { state in
            state.clients.compactMap { client, record in
                guard let live = record.live, state.leases[live.node] == nil else { return nil }
                return SessionLoss(client: client, session: live.session, diedAt: now)
            }
        }
    }

    /// - Returns: false when the client's message id is known already.
    func isNew(_ message: UpstreamMessage) -> Bool {
        guard let id = message.id else { return true }
        return state.withLock { $0.messageIDs.insert("\(message.client)/\(id)", now: message.receivedAt / 1000) }
    }

    private func view(_ record: Record, of id: ClientID, now: UInt64) -> ClientPresence {
        let departure = record.details?.departure
        let session = record.live ?? record.details?.last
        var client = ClientPresence(
            client: id, state: .online, epoch: record.epoch, groups: record.details?.groups ?? session?.groups ?? [],
            labels: session?.labels ?? [:])
        if record.live == nil {
            let isSuspect = departure.map { $0.isLost && now < $0.at + resumeWindow } ?? false
            client.state = isSuspect ? .suspect : .offline
            client.disconnectedAt = departure?.at
            client.closeCode = departure?.closeCode
            client.closeReason = departure?.reason
        }
        client.node = session?.node
        client.session = session?.session
        client.address = session?.address
        client.userAgent = session?.userAgent
        client.connectedAt = session?.connectedAt
        client.lastSeenAt = record.lastSeenAt
        client.roundTrip = record.roundTrip < 0 ? nil : Double(record.roundTrip)
        client.health = record.details?.health
        return client
    }
}

extension InProcessPresence.Record {
    fileprivate mutating func lose(_ session: SessionRecord, _ departure: Departure) {
        live = nil
        if !departure.isLost { lastSeenAt = departure.at }
        details = InProcessPresence.Details(
            last: session, groups: details?.groups, health: details?.health, departure: departure)
    }
}

extension InProcessPresence.State {
    fileprivate mutating func noteGone(_ client: ClientID, epoch: UInt64) {
        gone.append((client, epoch))
        offline += 1
        // Who comes and goes leaves stale entries behind; they are swept out before they are the most of the list.
        if gone.count > 2 * InProcessPresence.maximumOffline {
            gone = gone.filter { isGone($0.client, epoch: $0.epoch) }
        }
        while offline > InProcessPresence.maximumOffline, let oldest = gone.popFirst() {
            guard isGone(oldest.client, epoch: oldest.epoch) else { continue }
            clients[oldest.client] = nil
            offline -= 1
        }
    }

    private func isGone(_ client: ClientID, epoch: UInt64) -> Bool {
        guard let record = clients[client] else { return false }
        return record.live == nil && record.epoch == epoch
    }
}

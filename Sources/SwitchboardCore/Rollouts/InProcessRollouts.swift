import SwitchboardProtocol
import Synchronization

/// The roll-outs of an ``InProcessCluster``; one lock, since nothing here waits.
final class InProcessRollouts: RolloutStore {
    private struct Entry {
        var status: RolloutStatus
        let clients: [ClientID]
        var outcomes: [Int: RolloutOutcome] = [:]
        var term = 0
        /// The process that leads it, or did so last.
        var run = ""
        /// Unix milliseconds.
        var leaseEnd: UInt64 = 0
        var isActive = true
        /// Unix milliseconds after which it is forgotten; nil while it is active.
        var until: UInt64?
    }

    private let entries = Mutex<[RolloutID: Entry]>([:])
    private let clock: @Sendable () -> UInt64

    init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

    func create(_ definition: RolloutDefinition, clients: [ClientID]) async throws -> RolloutCreation {
        let now = clock()
        return entries.withLock { entries in
            entries = entries.filter { $0.value.until.map { $0 > now } ?? true }
            if let known = entries[definition.id] { return .exists(known.status) }
            guard entries.values.count(where: \.isActive) < RolloutLifetime.maximumActive else { return .full }
            entries[definition.id] = Entry(status: RolloutStatus(definition: definition), clients: clients)
            return .created
        }
    }

    func status(_ id: RolloutID) async throws -> RolloutStatus? { read(id)?.status }

    func list(limit: Int, after cursor: RolloutID?) async throws -> [RolloutStatus] {
        let now = clock()
        let all = entries.withLock { $0.values.filter { $0.until.map { $0 > now } ?? true }.map(\.status) }
        let sorted = all.map { status in
            var status = status
            status.definition = status.definition.listed
            return status
        }.sorted {
            ($0.definition.createdAt, $0.definition.id) > ($1.definition.createdAt, $1.definition.id)
        }
        guard let cursor else { return Array(sorted.prefix(limit)) }
        // Only the oldest are ever forgotten: behind one that is there is nothing.
        guard let index = sorted.firstIndex(where: { $0.definition.id == cursor }) else { return [] }
        return Array(sorted[(index + 1)...].prefix(limit))
    }

    func clients(of id: RolloutID, from index: Int, limit: Int) async throws -> [RolloutClient] {
        guard let entry = read(id), index >= 0, index < entry.clients.count else { return [] }
        return (index..<min(entry.clients.count, index + limit)).map {
            RolloutClient(index: $0, client: entry.clients[$0], outcome: entry.outcomes[$0])
        }
    }

    func active() async throws -> [RolloutID] {
        entries.withLock { $0.values.filter(\.isActive).map(\.status.definition.id).sorted() }
    }

    func control(_ id: RolloutID, _ order: RolloutOrder) async throws -> RolloutControlled? {
        let now = clock()
        return entries.withLock { entries in
            guard var entry = entries[id] else { return nil }
            guard entry.status.end == nil else { return .ended }
            let before = entry.status
            switch order {
            case .pause: entry.status.isHeld = true
            case .resume: entry.status.isHeld = false
            case .abort(let reason): entry.status.end = RolloutEnd(.aborted, reason: reason, at: now)
            }
            guard entry.status != before else { return .unchanged }
            entries[id] = entry
            return .changed
        }
    }

    func claim(_ id: RolloutID, by node: NodeID, run: String, lease: Int) async throws -> Int? {
        let now = clock()
        return entries.withLock { entries in
            guard var entry = entries[id], entry.isActive else { return nil }
            // What an earlier process of the same node had is nobody's any more.
            guard entry.leaseEnd <= now || entry.status.leader == node && entry.run != run else { return nil }
            entry.term += 1
            entry.run = run
            entry.leaseEnd = now + UInt64(max(0, lease))
            entry.status.leader = node
            entries[id] = entry
            return entry.term
        }
    }

    func advance(_ id: RolloutID, _ advance: RolloutAdvance) async throws -> RolloutHeading {
        let now = clock()
        return entries.withLock { entries in
            guard var entry = entries[id], entry.term == advance.term else { return .lost }
            entry.leaseEnd = now + UInt64(max(0, advance.lease))
            let mayBegin = !entry.status.isHeld && entry.status.end == nil
            let started = entry.status.progress.started
            entry.status.progress = advance.progress
            if !mayBegin { entry.status.progress.started = started }
            for (index, outcome) in advance.outcomes { entry.outcomes[index] = outcome }
            if entry.status.end == nil { entry.status.end = advance.end }
            entries[id] = entry
            let (isHeld, end) = (entry.status.isHeld, entry.status.end?.kind)
            guard !mayBegin, advance.progress.started > started else { return .kept(isHeld: isHeld, end: end) }
            return .notBegun(isHeld: isHeld, end: end)
        }
    }

    func release(_ id: RolloutID, term: Int) async throws {
        entries.withLock { entries in
            guard entries[id]?.term == term else { return }
            entries[id]?.leaseEnd = 0
        }
    }

    func retire(_ id: RolloutID) async throws {
        let until = clock() + UInt64(RolloutLifetime.seconds) * 1000
        entries.withLock { entries in
            guard entries[id]?.isActive == true else { return }
            entries[id]?.isActive = false
            entries[id]?.until = until
        }
    }

    private func read(_ id: RolloutID) -> Entry? {
        let now = clock()
        return entries.withLock { $0[id] }.flatMap { $0.until.map { $0 > now } ?? true ? $0 : nil }
    }
}

import DequeModule
import NIOCore

/// The events that wait for delivery, and those that were given up. A struct without I/O.
struct WebhookQueue: Sendable {
    private struct Entry {
        var lane: Int
        var document: ByteBuffer
        var attempts = 0
        var refusals = 0
        /// When it is tried again; nil for one that was never tried.
        var due: UInt64?
    }

    private struct Lane {
        /// Never tried, oldest first.
        var fresh: Deque<StreamOffset> = []
        /// To be tried again, in the order in which they are due.
        var later: [(due: UInt64, id: StreamOffset)] = []
        /// Until then the lane is another worker's.
        var lease: (token: String, end: UInt64)?
    }

    private var entries: [StreamOffset: Entry] = [:]
    /// Oldest first; some are gone.
    private var order: Deque<StreamOffset> = []
    private var lanes = [Lane](repeating: Lane(), count: WebhookLane.count)
    private var turn = 0
    private var offsets = OffsetClock()
    private var deadOffsets = OffsetClock()
    private var dead: Deque<DeadWebhook> = []
    private(set) var status = WebhookStatus()

    mutating func append(_ event: WebhookEvent, limits: WebhookLimits, now: UInt64) -> WebhookAppended {
        let bytes = event.document.readableBytes
        guard limits.isFull(events: entries.count, bytes: status.bytes, adding: bytes) else {
            add(event.document.compacted(), lane: WebhookLane.of(event.client), now: now)
            return .waits
        }
        guard !event.kind.isRefusable else {
            status.refused += 1
            return .refused
        }
        let id = deadOffsets.next(now: now)
        bury(
            DeadWebhook(
                id: id, lane: WebhookLane.of(event.client), addedAt: now, attempts: 0, reason: "the queue was full",
                document: event.document.compacted()))
        return .givenUp
    }

    private mutating func add(_ document: ByteBuffer, lane: Int, now: UInt64) {
        let id = offsets.next(now: now)
        entries[id] = Entry(lane: lane, document: document)
        order.append(id)
        lanes[lane].fresh.append(id)
        status.bytes += document.readableBytes
    }

    // MARK: Claims

    mutating func claim(_ terms: WebhookTerms, now: UInt64) -> WebhookClaim {
        var claim = WebhookClaim(token: terms.token, events: [], now: now, failures: status.failures)
        if status.failures > 0 { giveUpOld(before: now - min(now, UInt64(terms.patience)), now: now) }
        for index in lanes.indices where (lanes[index].lease?.end ?? 0) <= now { lanes[index].lease = nil }
        let underway = Set(lanes.compactMap(\.lease?.token)).count
        // While nothing can be delivered one request at a time shows when that has changed.
        guard (status.pausedUntil ?? 0) <= now, underway < (status.failures > 0 ? 1 : terms.requests) else {
            return claim
        }
        turn += 1
        var bytes = 0
        for step in 0..<lanes.count where claim.events.count < terms.events {
            let index = (turn + step) % lanes.count
            guard lanes[index].lease == nil else { continue }
            guard take(from: index, terms, into: &claim, &bytes, now: now) else { break }
        }
        return claim
    }

    /// - Returns: false when the claim is full.
    private mutating func take(
        from lane: Int, _ terms: WebhookTerms, into claim: inout WebhookClaim, _ bytes: inout Int, now: UInt64
    ) -> Bool {
        let due = lanes[lane].later.prefix(terms.events).filter { $0.due <= now }.map(\.id)
        let fresh = lanes[lane].fresh.prefix(terms.events)
        for id in (due + fresh) {
            guard let entry = entries[id] else { continue }
            let size = entry.document.readableBytes
            let first = claim.events.first
            let company = min(terms.events, ClaimedWebhook.company(afterRefusals: first?.refusals ?? entry.refusals))
            guard
                first == nil
                    || claim.events.count < company && bytes + size <= terms.bytes
                        && entry.refusals <= (first?.refusals ?? 0)
            else { return false }
            claim.events.append(
                ClaimedWebhook(
                    id: id, lane: lane, document: entry.document, attempts: entry.attempts, refusals: entry.refusals))
            bytes += size
            lanes[lane].lease = (terms.token, now + UInt64(terms.lease))
        }
        return true
    }

    mutating func settle(_ settlement: WebhookSettlement, now: UInt64) {
        for entry in settlement.entries {
            guard let known = entries[entry.event.id] else { continue }
            switch entry.outcome {
            case .delivered:
                remove(entry.event.id)
                status.delivered += 1
            case .givenUp:
                remove(entry.event.id)
                bury(entry.event.id, known, attempts: known.attempts + 1, reason: settlement.trouble ?? "", now: now)
            case .again(let after):
                entries[entry.event.id]?.attempts += 1
                if settlement.isRefusal { entries[entry.event.id]?.refusals += 1 }
                postpone(entry.event.id, lane: known.lane, to: now + UInt64(after))
            }
        }
        for index in lanes.indices where lanes[index].lease?.token == settlement.token { lanes[index].lease = nil }
        if let trouble = settlement.trouble {
            status.failures = max(status.failures, min(status.failures, settlement.failures) + 1)
            status.trouble = trouble
            status.troubleAt = now
            if settlement.pause > 0 { status.pausedUntil = now + UInt64(settlement.pause) }
        } else {
            status.failures = 0
            // What was asked for since is still to be obeyed.
            if (status.troubleAt ?? 0) <= settlement.claimedAt { status.pausedUntil = nil }
        }
    }

    private mutating func postpone(_ id: StreamOffset, lane: Int, to due: UInt64) {
        unlist(id, lane: lane)
        entries[id]?.due = due
        let index = lanes[lane].later.firstIndex { ($0.due, $0.id) > (due, id) } ?? lanes[lane].later.endIndex
        lanes[lane].later.insert((due, id), at: index)
    }

    private mutating func remove(_ id: StreamOffset) {
        guard let entry = entries[id] else { return }
        unlist(id, lane: entry.lane)
        entries[id] = nil
        status.bytes -= entry.document.readableBytes
        while let oldest = order.first, entries[oldest] == nil { order.removeFirst() }
        guard order.count > 2 * entries.count + 1000 else { return }
        order = order.filter { entries[$0] != nil }
    }

    private mutating func unlist(_ id: StreamOffset, lane: Int) {
        if entries[id]?.due != nil {
            lanes[lane].later.removeAll { $0.id == id }
        } else if lanes[lane].fresh.first == id {
            lanes[lane].fresh.removeFirst()
        } else {
            lanes[lane].fresh.removeAll { $0 == id }
        }
    }

    private mutating func giveUpOld(before limit: UInt64, now: UInt64) {
        let reason = status.trouble ?? ""
        while let oldest = order.first, oldest.milliseconds <= limit {
            guard let entry = entries[oldest] else {
                order.removeFirst()
                continue
            }
            // One that is under way is settled by its worker.
            guard (lanes[entry.lane].lease?.end ?? 0) <= now else { return }
            remove(oldest)
            bury(oldest, entry, attempts: entry.attempts, reason: reason, now: now)
        }
    }

    // MARK: Those that were given up

    private mutating func bury(_ id: StreamOffset, _ entry: Entry, attempts: Int, reason: String, now: UInt64) {
        bury(
            DeadWebhook(
                id: deadOffsets.next(now: now), lane: entry.lane, addedAt: id.milliseconds, attempts: attempts,
                reason: reason, document: entry.document))
    }

    private mutating func bury(_ event: DeadWebhook) {
        dead.append(event)
        status.deadBytes += event.document.readableBytes
        let limits = DeadWebhook.limits
        while dead.count > limits.events || status.deadBytes > limits.bytes, let oldest = dead.popFirst() {
            status.deadBytes -= oldest.document.readableBytes
            status.forgotten += 1
        }
    }

    func dead(limit: Int, after cursor: StreamOffset?) -> [DeadWebhook] {
        Array(dead.lazy.filter { entry in cursor.map { entry.id > $0 } ?? true }.prefix(limit))
    }

    mutating func replay(_ ids: [StreamOffset]?, now: UInt64) -> Int {
        let chosen = take(ids)
        for event in chosen { add(event.document, lane: event.lane, now: now) }
        status.pausedUntil = nil
        return chosen.count
    }

    mutating func forget(_ ids: [StreamOffset]?) -> Int { take(ids).count }

    private mutating func take(_ ids: [StreamOffset]?) -> [DeadWebhook] {
        let wanted = ids.map(Set.init)
        let chosen = dead.filter { wanted?.contains($0.id) ?? true }
        dead.removeAll { wanted?.contains($0.id) ?? true }
        for event in chosen { status.deadBytes -= event.document.readableBytes }
        return Array(chosen)
    }

    /// What the queue itself knows of its state.
    func report(losses: Int, live: Int, now: UInt64) -> WebhookStatus {
        var status = status
        status.waiting = entries.count
        status.oldest = order.first?.milliseconds
        status.dead = dead.count
        status.losses = losses
        status.live = live
        if let end = status.pausedUntil, end <= now { status.pausedUntil = nil }
        return status
    }
}

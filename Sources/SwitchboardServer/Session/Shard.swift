import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// The sessions of one event loop, and everything that is to reach them in this turn of the loop.
///
/// What arrives within a turn is gathered and leaves in ``flush()``, one system call per session, however many pushes there
/// were. It is `@unchecked Sendable` so that other loops can hold it and hand it work by `loop.execute`; all of its state
/// belongs to `loop` and is touched nowhere else.
final class Shard: @unchecked Sendable {
    let index: UInt32
    let loop: any EventLoop
    unowned let node: Node
    var table = SlotTable()
    var groups: [GroupName: Group] = [:]
    var counters = ShardCounters()
    /// Connections that are no sessions: plain HTTP, or not yet known.
    var connections: [ObjectIdentifier: any Channel] = [:]
    private var requestIDs = SerialIDGenerator()
    private var wheel = TimerWheel(slots: 1024)
    private var isFlushScheduled = false
    private var outbox = Outbox()
    private var opening: [Session] = []
    /// Sessions that will take part when they have what they missed.
    var recovering: [Session] = []
    private var acks: [AckCollector] = []
    private var dirty: [Session] = []
    private var changes: [PresenceChange] = []
    private var ticker: RepeatedTask?
    var acceptance: TokenBucket
    /// The value of the `Date` header, renewed every second (RFC 9110 section 6.6.1).
    private(set) var date = HTTPDate.now()

    /// Milliseconds of a tick of the timer wheel.
    static let tick: Int64 = 100
    /// Ticks between two writes of what changed in presence.
    private static let presenceTicks: UInt64 = 10

    init(index: UInt32, loop: any EventLoop, node: Node) {
        self.index = index
        self.loop = loop
        self.node = node
        let rate = node.configuration.acceptRate
        let share = rate == 0 ? 0 : max(1, rate / max(1, node.loopCount))
        acceptance = TokenBucket(rate: share, burst: share, now: MonotonicClock.nanoseconds())
    }

    func start() {
        loop.execute { [self] in
            ticker = loop.scheduleRepeatedTask(initialDelay: .milliseconds(Self.tick), delay: .milliseconds(Self.tick))
            {
                [self] _ in advance()
            }
        }
    }

    func stop() {
        loop.execute { [self] in
            ticker?.cancel()
            ticker = nil
        }
    }

    /// An id for `X-Request-Id`, without asking the kernel for random numbers.
    func newRequestID() -> String { requestIDs.next() }

    // MARK: Time

    private func advance() {
        for token in wheel.tick() {
            let slot = UInt32(truncatingIfNeeded: token)
            table.session(slot, generation: UInt32(truncatingIfNeeded: token >> 32))?.timerDue(now: wheel.now)
        }
        if wheel.now % Self.presenceTicks == 0 {
            date = HTTPDate.now()
            writeChanges()
        }
    }

    /// The session's ``Session/timerDue(now:)`` is called after `ticks` ticks.
    ///
    /// - Returns: The tick at which that will be.
    func schedule(_ session: Session, after ticks: UInt64) -> UInt64 {
        wheel.schedule(UInt64(session.slot) | UInt64(session.generation) << 32, after: ticks)
        return wheel.now + max(1, ticks)
    }

    static func ticks(seconds: Double) -> UInt64 { UInt64(max(1, (seconds * 1000 / Double(tick)).rounded())) }

    func note(_ change: PresenceChange) { changes.append(change) }

    private func writeChanges() {
        guard !changes.isEmpty else { return }
        let written = changes
        changes.removeAll(keepingCapacity: true)
        node.store.touch(written)
    }

    // MARK: Delivery

    /// For every open session.
    func deliverToAll(_ push: PreparedPush, _ collector: ReceiptCollector?) {
        holdForRecovering(push)
        if push.push.waits || outbox.isSelecting {
            select(table.slots.compactMap { $0.isOpen ? $0.session : nil }, push, collector, isOrdered: true)
        } else {
            outbox.addToAll(push, collector, counters)
            scheduleFlush()
        }
    }

    func deliver(_ push: PreparedPush, to name: GroupName, _ collector: ReceiptCollector?) {
        holdForRecovering(push)
        guard let group = groups[name] else {
            collector?.add(PushOutcome())
            return
        }
        if push.push.waits || outbox.isSelecting {
            select(group.members, push, collector, isOrdered: true)
        } else {
            outbox.add(push, to: group, collector, counters)
            scheduleFlush()
        }
    }

    /// To one client: the usual case, done with as little as possible.
    func deliver(_ push: BusPush, toAt place: SessionPlace) {
        guard let session = openSession(at: place) else { return node.give(PushOutcome(), for: push) }
        if let mailPlace = push.durable?.place {
            session.deliverDurable(push, at: mailPlace)
        } else {
            deliver(push, to: session)
        }
    }

    func deliver(_ push: BusPush, to session: Session) {
        session.append(only: push)
        if push.wantsConfirmation { session.expectAck(AckCollector(push)) }
        outbox.singles.append((session, push))
        scheduleFlush()
    }

    func deliver(_ push: PreparedPush, toAt places: [SessionPlace], _ collector: ReceiptCollector?) {
        select(places.compactMap { openSession(at: $0) }, push, collector)
    }

    func deliver(_ push: PreparedPush, withLabels labels: [String: String], _ collector: ReceiptCollector?) {
        var matching: [Session] = []
        for slot in table.slots where slot.isOpen {
            if let session = slot.session, session.carries(labels) { matching.append(session) }
        }
        select(matching, push, collector)
    }

    /// - Parameter isOrdered: Later pushes to groups and all must not overtake this one, so they are selected as well.
    private func select(
        _ sessions: [Session], _ push: PreparedPush, _ collector: ReceiptCollector?, isOrdered: Bool = false
    ) {
        guard !sessions.isEmpty else {
            collector?.add(PushOutcome())
            return
        }
        for session in sessions { session.append(push) }
        if push.push.wantsConfirmation {
            let acks = AckCollector(push.push)
            for session in sessions { session.expectAck(acks) }
        }
        outbox.select(sessions, collector, isOrdered: isOrdered)
        scheduleFlush()
    }

    private func holdForRecovering(_ push: PreparedPush) {
        guard !recovering.isEmpty, push.push.durable != nil else { return }
        for session in recovering { session.recovery?.hold(push.push) }
    }

    /// What the session has read from its mailbox leaves, and the origins are told.
    func flushPage(of session: Session, receipts: [BusPush]) {
        for push in receipts { outbox.singles.append((session, push)) }
        markDirty(session)
    }

    /// Clients have confirmed a push; its origin is told at the end of this turn.
    func note(_ collector: AckCollector) {
        guard collector.add() else { return }
        acks.append(collector)
        scheduleFlush()
    }

    private func openSession(at place: SessionPlace) -> Session? {
        guard let session = table.session(place.slot, generation: place.generation),
            table.slots[Int(place.slot)].isOpen
        else { return nil }
        return session
    }

    func session(at place: SessionPlace) -> Session? { table.session(place.slot, generation: place.generation) }

    // MARK: The end of a turn

    /// The session takes part from the end of this turn on: what was published before must not be counted for it.
    func open(_ session: Session) {
        opening.append(session)
        scheduleFlush()
    }

    func markDirty(_ session: Session) {
        dirty.append(session)
        scheduleFlush()
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.execute { self.flush() }
    }

    /// Hands everything that this turn of the loop gathered to the sockets. Only the loop itself calls it (see
    /// ``SlotTable/Slot/descriptor``).
    private func flush() {
        isFlushScheduled = false
        let work = outbox.take()
        if let batch = work.all { finish(batch, sendToAll(batch)) }
        for (group, batch) in work.groups { finish(batch, send(batch, to: group)) }
        for (session, push) in work.singles {
            let outcome = PushOutcome(session.flushPending())
            counters.deliveries += outcome.delivered
            counters.drops += outcome.dropped
            node.give(outcome, for: push)
        }
        for (sessions, collector) in work.selections {
            var outcome = PushOutcome()
            for session in sessions { outcome.count(session.flushPending()) }
            counters.deliveries += outcome.delivered
            counters.drops += outcome.dropped
            collector?.add(outcome)
        }
        openSessions()
        let sessions = dirty
        dirty.removeAll(keepingCapacity: true)
        for session in sessions { _ = session.flushPending() }
        reportAcks()
    }

    private func reportAcks() {
        guard !acks.isEmpty else { return }
        let collectors = acks
        acks.removeAll(keepingCapacity: true)
        for collector in collectors { node.acknowledged(collector.push, clients: collector.take()) }
    }

    private func finish(_ batch: Outbox.Batch, _ outcome: PushOutcome) {
        counters.deliveries += outcome.delivered * batch.pushes
        counters.drops += outcome.dropped * batch.pushes
        for collector in batch.collectors { collector.add(outcome) }
    }

    private func openSessions() {
        let sessions = opening
        opening.removeAll(keepingCapacity: true)
        for session in sessions { session.open() }
    }

    private func sendToAll(_ batch: Outbox.Batch) -> PushOutcome {
        var outcome = PushOutcome()
        var stragglers: [(slot: Int, took: Int)] = []
        table.slots.withUnsafeBufferPointer { slots in
            batch.withBytes { raw, framed in
                for index in slots.indices {
                    let descriptor = slots[index].descriptor
                    if descriptor >= 0 {
                        let bytes = slots[index].isFramed ? framed : raw
                        switch DirectSend.send(bytes, to: descriptor) {
                        case .took(bytes.count): outcome.delivered += 1
                        case .took(let count): stragglers.append((index, count))
                        case .failed: stragglers.append((index, -1))
                        }
                    } else if slots[index].isOpen {
                        stragglers.append((index, 0))
                    }
                }
            }
        }
        for (slot, took) in stragglers {
            guard let session = table.slots[slot].session else { continue }
            outcome.count(session.goOn(with: batch, after: took))
        }
        outcome.matched = outcome.delivered + outcome.dropped
        return outcome
    }

    private func send(_ batch: Outbox.Batch, to group: Group) -> PushOutcome {
        var outcome = PushOutcome()
        var stragglers: [(session: Session, took: Int)] = []
        batch.withBytes { raw, framed in
            for session in group.members {
                let slot = table.slots[Int(session.slot)]
                if slot.descriptor >= 0 {
                    let bytes = slot.isFramed ? framed : raw
                    switch DirectSend.send(bytes, to: slot.descriptor) {
                    case .took(bytes.count): outcome.delivered += 1
                    case .took(let count): stragglers.append((session, count))
                    case .failed: stragglers.append((session, -1))
                    }
                } else if slot.isOpen {
                    stragglers.append((session, 0))
                }
            }
        }
        for (session, took) in stragglers { outcome.count(session.goOn(with: batch, after: took)) }
        outcome.matched = outcome.delivered + outcome.dropped
        return outcome
    }
}

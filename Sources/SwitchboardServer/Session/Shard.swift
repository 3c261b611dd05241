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
    var connections: [ObjectIdentifier: PlainConnection] = [:]
    var roomLookedForAt = NIODeadline.uptimeNanoseconds(0)
    /// Compress what sessions are sent, and inflate what they send, where that was agreed on.
    let compressor = MessageCompressor()
    let inflaters = InflaterPool()
    private var requestIDs = SerialIDGenerator()
    private var wheel = TimerWheel(slots: 1024)
    private var isFlushScheduled = false
    var outbox = Outbox()
    private var opening: [Session] = []
    /// Sessions that will take part when they have what they missed.
    var recovering: [Session] = []
    /// Sessions that will be in a group when they have its history.
    var entering: [GroupName: [Session]] = [:]
    private var arriving: [(session: Session, group: GroupName, entry: GroupEntry)] = []
    /// Open sessions that leave out what they are too slow for.
    var skipping = 0
    private var acks: [AckCollector] = []
    private var dirty: [Session] = []
    private var changes: [PresenceChange] = []
    /// Sessions that break a rule, not yet for long enough.
    var suspects: [Session] = []
    var closes = CloseLog()
    private var ticker: RepeatedTask?
    /// ``TokenKeyStore/version``, as of when the sessions' keys were looked at.
    var signersVersion = 0
    var acceptance: TokenBucket
    var handshakes: HandshakeQueue<HandshakeWatch>
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
        let handshakes = node.configuration.tls.handshakeLimit
        self.handshakes = HandshakeQueue(limit: handshakes == 0 ? 0 : max(1, handshakes / max(1, node.loopCount)))
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
            checkSigners()
            judgeSuspects()
            if index == 0 { node.recentPushes.makeRoom() }
        }
    }

    /// Ticks that have passed.
    var now: UInt64 { wheel.now }

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

    func openSession(at place: SessionPlace) -> Session? {
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

    /// Clients have confirmed a push; its origin is told at the end of this turn.
    func note(_ collector: AckCollector) {
        guard collector.add() else { return }
        acks.append(collector)
        scheduleFlush()
    }

    func scheduleFlush() {
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
            if let time = push.sentAt { measure(since: time, outcome) }
            node.give(outcome, for: push)
        }
        for selection in work.selections {
            var outcome = PushOutcome()
            for session in selection.sessions { outcome.count(session.flushPending()) }
            outcome.matched += selection.leftOut
            outcome.dropped += selection.leftOut
            counters.deliveries += outcome.delivered
            counters.drops += outcome.dropped
            if let time = selection.sentAt { measure(since: time, outcome) }
            selection.collector?.add(outcome)
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
        for time in batch.sentAt { measure(since: time, outcome) }
        for collector in batch.collectors { collector.add(outcome) }
    }

    /// A push that was accepted at that time, on whichever node, has been handed over.
    ///
    /// - Parameter time: Unix microseconds.
    private func measure(since time: UInt64, _ outcome: PushOutcome) {
        guard outcome.delivered > 0 else { return }
        let now = WallClock.microseconds()
        counters.latency.record(now > time ? Int(now - time) : 0, times: outcome.delivered)
    }

    private func openSessions() {
        let sessions = opening
        opening.removeAll(keepingCapacity: true)
        for session in sessions { session.open() }
        guard !arriving.isEmpty else { return }
        let arrivals = arriving
        arriving.removeAll()
        for (session, group, entry) in arrivals { session.endEntering(group, entry) }
    }

    /// The session is in the group from the end of this turn on: what was published before comes behind the history.
    func arrived(_ session: Session, in group: GroupName, _ entry: GroupEntry) {
        arriving.append((session, group, entry))
        scheduleFlush()
    }

    private func sendToAll(_ batch: Outbox.Batch) -> PushOutcome {
        var outcome = PushOutcome()
        var stragglers: [(slot: Int, took: Int)] = []
        table.slots.withUnsafeBufferPointer { slots in
            batch.withBytes { forms in
                for index in slots.indices {
                    let descriptor = slots[index].descriptor
                    if descriptor >= 0 {
                        let bytes = forms[slots[index].form.index]
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
            outcome.count(session.goOn(with: batch, after: took, on: Target.all.channel))
        }
        outcome.matched = outcome.delivered + outcome.dropped
        return outcome
    }

    private func send(_ batch: Outbox.Batch, to group: Group) -> PushOutcome {
        var outcome = PushOutcome()
        var stragglers: [(session: Session, took: Int)] = []
        batch.withBytes { forms in
            for session in group.members {
                let slot = table.slots[Int(session.slot)]
                guard slot.generation == session.generation else { continue }
                if slot.descriptor >= 0 {
                    let bytes = forms[slot.form.index]
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
        for (session, took) in stragglers {
            outcome.count(session.goOn(with: batch, after: took, on: Target.group(group.name).channel))
        }
        outcome.matched = outcome.delivered + outcome.dropped
        return outcome
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// One WebSocket connection of a client: a plain channel handler that its event loop owns. Nothing else touches it.
final class Session: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Who it is has not been said yet (framed mode, for a moment).
        case unidentified
        /// The store is asked to make it the client's current session.
        case registering
        case open
        /// Our close frame is on its way; nothing but the peer's close frame matters any more.
        case closing
        case closed
    }

    unowned let shard: Shard
    let form: FrameForm
    /// Who connects, until the session is registered.
    var request: ConnectRequest?
    var record: SessionRecord?
    var epoch: UInt64 = 0
    var phase = Phase.unidentified
    private(set) var slot: UInt32 = 0
    private(set) var generation: UInt32 = 0
    var context: ChannelHandlerContext?
    var descriptor: CInt = -1
    /// With TLS every byte has to pass the handler that encrypts it.
    let sendsDirectly: Bool
    var reader: MessageReader
    var heartbeat: Heartbeat
    var messages: TokenBucket
    var controls: TokenBucket
    var inbound: TokenBucket
    /// Bytes that were read and are in no message yet.
    var paidBytes = 0
    var pieces: TokenBucket
    /// Monotonic nanoseconds of the last ping that is not answered.
    var pingedAt: UInt64 = 0
    /// The tick at which the timer counts; earlier ones are leftovers.
    var timerTick: UInt64 = 0
    /// The tick at which the heartbeat is to be looked at.
    var heartbeatTick: UInt64 = 0
    /// nil where the client may enter every group, and stay for ever.
    var access: SessionAccess?
    /// A newer token is being looked at.
    var isRenewing = false
    var memberships: [(group: Group, index: Int)] = []
    /// The store has it as the client's session; it has to be told when it ends.
    var isRegistered = false
    /// It has been told to go.
    var isLeaving = false
    /// Something may wait in the client's mailbox.
    var hasMail = false
    /// Channel to offset, as the client's hello says.
    var resume: [String: String] = [:]
    var recovery: Recovery?
    var mail: SessionMail?
    /// Pushes that the client is to confirm.
    var awaited: [AckCollector] = []
    /// nil for most; see ``dealings``.
    var groupDealings: GroupDealings?
    /// What it is too slow for is left out, instead of closing it.
    var skips = false
    var commands = CommandQueue()
    /// What its health broke, since it told it; nil before.
    var judge: AlertJudge?
    /// It was missed when it came: if it goes before this tick, and before it has told its health, it is missed again.
    private var missedUntil: UInt64 = 0
    /// Ticks: longer than most wait before they tell their health.
    private static let missedTicks = Shard.ticks(seconds: 300)
    var commandTimers: [CommandID: Scheduled<Void>] = [:]
    /// Who looks at terminals of the client.
    var viewerOrigins = ViewerOrigins()
    /// Frames that came before the session was open.
    var early: [ClientFrame] = []
    var earlyBytes = 0

    /// Frames of this turn of the loop.
    var pending: ByteBuffer?
    var pendingPushes = 0
    var handover = Handover.delivered
    /// What waits in NIO's buffer because the kernel did not take it.
    var queuedBytes = 0
    var queuedPushes = 0
    var closesAfterFlush = false
    /// The client may still be sending: closing with unread input would reset the connection and take our close frame with it.
    var lingers = false

    /// What became of a frame.
    enum Handover {
        /// It is in the socket, or in the session's queue.
        case delivered
        /// The queue is full; the session is being closed.
        case dropped
        /// The session takes part no more.
        case gone
    }

    init(shard: Shard, request: ConnectRequest) {
        self.shard = shard
        form = FrameForm(request.mode, request.compression?.window)
        self.request = request
        sendsDirectly = shard.node.tls == nil
        let configuration = shard.node.configuration
        reader = MessageReader(
            side: .server, maximumMessageBytes: configuration.inboundLimit,
            agreement: request.compression?.agreement, pool: shard.inflaters)
        // Spread by 10 %, so that a fleet that connected at once does not answer at once for ever.
        let interval = configuration.heartbeatInterval * Double.random(in: 0.9...1.1)
        heartbeat = Heartbeat(
            interval: UInt32(Shard.ticks(seconds: interval)),
            timeout: UInt32(Shard.ticks(seconds: configuration.heartbeatTimeout)))
        let now = MonotonicClock.nanoseconds()
        messages = TokenBucket(rate: configuration.messageRate, burst: configuration.messageBurst, now: now)
        controls = messages
        // The longest message must fit the bucket.
        let burst = max(2 * configuration.inboundRate, 2 * configuration.inboundLimit)
        inbound = TokenBucket(rate: configuration.inboundRate, burst: burst, now: now)
        pieces = TokenBucket(rate: Self.pieceRate, burst: 2 * Self.pieceRate, now: now)
    }

    var node: Node { shard.node }
    var mode: ConnectionMode { form.mode }
    /// Where frames may be handed straight to; negative where they may not.
    var directDescriptor: CInt { sendsDirectly ? descriptor : -1 }
    var place: SessionPlace { SessionPlace(shard: shard.index, slot: slot, generation: generation) }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        descriptor =
            (try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 })
            ?? -1
        (slot, generation) = shard.table.add(self, form)
        shard.counters.accepted += 1
        node.socketCount.increment()
        if mode == .raw, let request {
            identify(request)
        } else {
            timerTick = shard.schedule(self, after: Shard.ticks(seconds: request?.helloGrace ?? 0))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// The socket is gone.
    private func end() {
        guard phase != .closed else { return }
        if phase != .closing { noteEnd(.abnormal, reason: "the connection was lost") }
        leave(.abnormal, reason: "the connection was lost", isLost: true)
        phase = .closed
        descriptor = -1
        context = nil
        pending = nil
        shard.table.remove(slot)
        shard.counters.closed += 1
        forgetQueue()
        node.socketCount.decrement()
    }

    /// Takes part: it is found by its client id, and broadcasts reach it.
    func open() {
        guard phase == .registering, let record else { return }
        guard hasTrustedSigner else { return closeForSigner() }
        var hadOlder = false
        switch node.directory.insert(record.client, at: place, epoch: epoch) {
        case .outdated:
            return close(.replaced, reason: "replaced by a newer session on node=\(node.id)")
        case .replaced(let older):
            node.evict(at: older, record.client, newer: node.id, address: record.address)
            hadOlder = true
        case .inserted: break
        }
        phase = .open
        shard.table.set(slot, descriptor: directDescriptor, isOpen: true)
        noteConnected(record)
        shard.counters.forms.add(1, form)
        if skips { shard.skipping += 1 }
        if mode == .framed {
            let recovered = takeRecovery()
            let hello = hello(record, recovered: recovered.isRecovered, channels: recovered.states)
            append(shard.compressor.framed(.hello(hello), for: form.window))
            for push in recovered.missed {
                append(PreparedPush(push))
                if node.events.isWatched { node.note(push, .pushDelivered, .client(record.client)) }
            }
        }
        node.sessionCount.increment()
        noteOpening(record)
        if node.alertsEnd(asOf: record.client) { missedUntil = shard.now + Self.missedTicks }
        for name in record.groups { join(name) }
        // Asked after the directory knows the session: what came before that is noted there.
        if node.unclaimedMail.take(record.client) || hasMail || hadOlder { checkMail() }
        heartbeatTick = shard.now + firstPing
        arm()
        handleEarly()
        if pending != nil { shard.markDirty(self) }
    }

    private var firstPing: UInt64 {
        let interval = Shard.ticks(seconds: node.configuration.heartbeatInterval)
        return UInt64.random(in: max(1, interval * 9 / 10)...max(1, interval * 11 / 10))
    }

    func hello(
        _ record: SessionRecord, recovered: Bool = false, channels: [String: ServerFrame.Hello.Channel] = [:]
    ) -> ServerFrame.Hello {
        ServerFrame.Hello(
            client: record.client, session: record.session, epoch: epoch, node: node.id,
            heartbeatInterval: node.configuration.heartbeatInterval,
            heartbeatTimeout: node.configuration.heartbeatTimeout, recovered: recovered, channels: channels)
    }

    /// Takes part no more: no push means it from here on. Done once.
    func leave(_ code: CloseCode, reason: String, isLost: Bool) {
        let wasOpen = phase == .open
        if wasOpen {
            shard.table.set(slot, descriptor: -1, isOpen: false)
            shard.counters.forms.add(-1, form)
            if skips { shard.skipping -= 1 }
            node.sessionCount.decrement()
        }
        while let last = memberships.last { leave(last.group.name) }
        if let groupDealings { for name in groupDealings.entering.keys { leave(name) } }
        if recovery != nil { _ = takeRecovery() }
        abandonCommands()
        abandonViewers()
        awaited.removeAll()
        mail = nil
        guard isRegistered, let record else { return }
        isRegistered = false
        if wasOpen { node.directory.remove(record.client, at: place) }
        noteClosed(record, code, reason: reason)
        let departure = departure(record, code, reason: reason, isLost: isLost)
        node.store.unregister(departure)
        node.webhooks?.lost(departure)
        if judge != nil {
            node.alertsWait(for: record.client, epoch: epoch, at: departure.at)
        } else if shard.now < missedUntil {
            node.alertsMiss(record.client, epoch: epoch, at: departure.at)
        }
    }

    func departure(_ record: SessionRecord, _ code: CloseCode, reason: String, isLost: Bool) -> Departure {
        Departure(
            client: record.client, session: record.session, node: record.node, epoch: epoch, closeCode: code.rawValue,
            reason: reason, isLost: isLost, at: WallClock.milliseconds())
    }

    // MARK: Groups and labels

    func carries(_ labels: [String: String]) -> Bool {
        guard let own = record?.labels else { return false }
        return labels.allSatisfy { own[$0.key] == $0.value }
    }

    /// - Returns: false when it is in too many groups, or takes part no more: its slot may soon be another session's.
    @discardableResult
    func join(_ name: GroupName) -> Bool {
        guard phase == .open else { return false }
        guard !memberships.contains(where: { $0.group.name == name }), groupDealings?.entering[name] == nil else {
            return true
        }
        guard hasRoomForGroup else { return false }
        admit(to: name)
        noteMember(of: name)
        return true
    }

    var hasRoomForGroup: Bool {
        let limit = node.configuration.maximumGroups
        return limit == 0 || memberships.count + (groupDealings?.entering.count ?? 0) < limit
    }

    func admit(to name: GroupName) {
        let group = shard.groups[name] ?? Group(name)
        shard.groups[name] = group
        memberships.append((group, group.add(self)))
    }

    func leave(_ name: GroupName) {
        let wasEntering = forgetEntering(name)
        guard withdraw(from: name) || wasEntering else { return }
        noteNoMember(of: name)
        guard let groupDealings else { return }
        groupDealings.missed[Target.group(name).channel] = nil
        endWatching(name)
    }

    /// - Returns: Whether it was in the group.
    @discardableResult
    func withdraw(from name: GroupName) -> Bool {
        guard let membership = memberships.first(where: { $0.group.name == name }) else { return false }
        leave(membership.group)
        return true
    }

    private func leave(_ group: Group) {
        guard let index = memberships.firstIndex(where: { $0.group === group }) else { return }
        let place = memberships.remove(at: index).index
        group.remove(at: place)
        if group.members.isEmpty { shard.groups[group.name] = nil }
    }

    /// The group has moved this session's entry.
    func moved(in group: Group, to index: Int) {
        for position in memberships.indices where memberships[position].group === group {
            memberships[position].index = index
        }
    }

    /// The groups have changed: presence is to show it.
    func noteGroups() {
        guard phase == .open, let record else { return }
        shard.note(PresenceChange(client: record.client, epoch: epoch, groups: groupNames))
    }

    /// Those that it is in, and those that it will be in soon.
    var groupNames: [GroupName] {
        memberships.map(\.group.name) + (groupDealings?.entering.keys.sorted() ?? [])
    }
}

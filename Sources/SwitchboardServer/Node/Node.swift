import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// One node: its sessions, and its place in the cluster. Made once per process; everything else holds on to it.
final class Node: BusReceiver {
    let id: NodeID
    let configuration: ServerConfiguration
    let bus: any Bus
    let store: any Store
    let busHealth: BusHealth
    let authenticator: Authenticator
    let logger: Logger
    /// Single pushes and commands are logged, too. Known beforehand, since a push costs hardly more than the question.
    let isVerbose: Bool
    let directory = Directory()
    let delivery: Delivery
    let conversations: Conversations
    let commands: Commands
    let idempotency: Idempotency
    let journal: PushJournal
    let recentPushes = RecentPushes()
    let rollouts = Rollouts()
    /// nil where the port speaks no TLS.
    let tls: TLSIdentity?
    /// nil where no backend is told or asked anything.
    let webhooks: Webhooks?
    let unclaimedMail = UnclaimedMail()
    let histories = HistoryFollower()
    let recoveries = RecoveryGate()
    let roster = Roster()
    let settlement = Settlement()
    let sessionCount = Gauge()
    let messagesFromBus = Gauge()
    let metrics: NodeMetrics
    let drain: NodeDrain
    let pages: PagePolicy
    let events: EventHub
    let terminals: TerminalDesk
    let live = LiveSockets()
    let groups: GroupWatches
    let alerts: AlertDesk
    /// WebSocket connections, also those that are being opened or closed.
    let socketCount = Gauge()
    /// Connections that are no sessions: plain HTTP, or not yet known.
    let plainConnections = Gauge()
    let addresses: AddressBook
    private let rebalance: Mutex<Rebalance>
    private let rebalancedAt = Atomic<UInt64>(MonotonicClock.nanoseconds())
    /// Unix milliseconds at which the bus was last found available.
    /// Whether it is known that nothing of an earlier process of this id is left.
    let hasTakenOver = Atomic(false)
    private let busSeenAt = Atomic<UInt64>(WallClock.milliseconds())
    let loopCount: Int
    let startedAt = WallClock.milliseconds()
    /// Where it listens.
    let address: Mutex<String>
    /// One for each event loop. Set once, right after the initialiser, since the shards refer back to the node.
    private let shardsBox: ShardList

    init(
        configuration: ServerConfiguration, bus: any Bus, store: any Store, busHealth: BusHealth,
        authenticator: Authenticator, loops: [any EventLoop], webhooks: Webhooks? = nil, tls: TLSIdentity? = nil,
        logger: Logger
    ) {
        let metrics = NodeMetrics()
        self.metrics = metrics
        id = configuration.node
        self.configuration = configuration
        self.bus = bus
        self.store = store
        self.busHealth = busHealth
        self.authenticator = authenticator
        self.logger = logger
        addresses = AddressBook(
            limit: configuration.maximumConnectionsPerAddress, trusted: configuration.trustedProxies)
        isVerbose = logger.logLevel <= .debug
        loopCount = loops.count
        drain = NodeDrain(configuration: configuration)
        pages = PagePolicy(
            configuration, asksForKeys: authenticator.policy.guardsAPI, isSecure: tls != nil)
        events = EventHub(bus: bus)
        terminals = TerminalDesk(bus: bus)
        groups = GroupWatches(bus: bus)
        alerts = AlertDesk(rules: configuration.alertRules, node: configuration.node)
        rebalance = Mutex(Rebalance(percent: configuration.rebalance))
        address = Mutex("\(configuration.host):\(configuration.port)")
        delivery = Delivery(
            bus: bus, store: store, rate: configuration.publishRate, limits: configuration.keeping, metrics: metrics)
        conversations = Conversations(bus: bus)
        commands = Commands(bus: bus, store: store, loop: loops[0], metrics: metrics, logger: logger)
        idempotency = Idempotency(store: store, loop: loops[0])
        journal = PushJournal(store: store, node: configuration.node)
        self.webhooks = webhooks
        self.tls = tls
        shardsBox = ShardList()
        shardsBox.fill(loops.enumerated().map { Shard(index: UInt32($0.offset), loop: $0.element, node: self) })
        bus.attach(self)
    }

    var shards: [Shard] { shardsBox.shards }

    func shard(of loop: any EventLoop) -> Shard { shardsBox.shard(of: loop) }

    var isDraining: Bool { drain.isDraining }

    /// Why `readyz` answers 503; nil while it answers 200.
    var unreadiness: String? {
        if isDraining { return "the node is draining" }
        if let trouble = busHealth.trouble { return trouble }
        return settlement.isSettled ? nil : "the nodes are finding together again"
    }

    /// The loads of the nodes are known anew.
    func rebalance(_ nodes: [NodeDescription]) {
        let now = MonotonicClock.nanoseconds()
        let since = rebalancedAt.exchange(now, ordering: .relaxed)
        guard configuration.rebalance > 0, !isDraining else { return }
        let others = nodes.filter { $0.id != id && !$0.isDraining }.map(\.sessions)
        let share = rebalance.withLock {
            $0.share(own: sessionCount.value, others: others, seconds: Double(now - min(since, now)) / 1e9)
        }
        if share > 0 { shed(share) }
    }

    /// Time passes: called several times a second.
    func sweep() {
        if bus.isAvailable, settlement.isSettled { busSeenAt.store(WallClock.milliseconds(), ordering: .relaxed) }
        let living = roster.living
        delivery.sweep(living: living)
        conversations.sweep(living: living)
        events.sweep()
        groups.sweep(self)
        sweepAlerts(living: living)
    }

    func start() { for shard in shards { shard.start() } }

    func stop() { for shard in shards { shard.stop() } }

    /// Runs `body` on the shard's loop; at once when that is the current one.
    func on(_ shard: Shard, _ body: @escaping @Sendable (Shard) -> Void) {
        if shard.loop.inEventLoop { body(shard) } else { shard.loop.execute { body(shard) } }
    }

    func shard(at place: SessionPlace) -> Shard { shards[Int(place.shard)] }

    /// The older session of `client` on this node has to go.
    func evict(at place: SessionPlace, _ client: ClientID, newer: NodeID, address: String) {
        on(shard(at: place)) { shard in
            shard.session(at: place)?.close(
                .replaced, reason: "replaced by a newer session on node=\(newer) from=\(address)")
        }
    }

    // MARK: Messages from the bus

    func receive(_ message: BusMessage) {
        messagesFromBus.increment()
        switch message {
        case .push(let push):
            guard push.isDurable, push.durable?.place?.epoch != nil else { return deliver(push) }
            histories.accept(push) { deliver($0) }
        case .receipt(let receipt): delivery.received(receipt)
        case .acknowledged(let acknowledgement): delivery.received(acknowledgement)
        case .command(let command): run(command)
        case .cancel(let cancellation):
            guard let place = directory.place(of: cancellation.client) else { return }
            on(shard(at: place)) { $0.session(at: place)?.cancel(cancellation.id) }
        case .commandEvent(let event): commands.received(event)
        case .evict(let eviction):
            guard let place = directory.place(of: eviction.client, before: eviction.epoch) else { return }
            evict(at: place, eviction.client, newer: eviction.node, address: eviction.address)
        case .control(let control): carryOut(control)
        case .done(let outcome): conversations.received(outcome)
        case .query(let query): answer(query)
        case .answer(let answer): conversations.received(answer)
        case .watch(let watch): events.heed(watch)
        case .events(let batch): events.received(batch)
        case .terminalOrder(let message): carry(message)
        case .terminalReport(let report): terminals.received(report)
        case .groupWatch(let watch): groups.heed(watch, on: self)
        case .groupChange(let change): groups.received(change)
        case .alert(let notice): heard(notice)
        case .canary: break
        case .nodeUp(let node):
            roster.add(node)
            groups.refresh(wantsAll: false)
            // Clients count as online only while their node has a lease, so it must not wait for the next beat.
            if node == id { Task { await beat() } }
            askForAlerts(of: node)
        case .nodeDown(let node): roster.remove(node)
        }
    }

    func busWasLost() {
        settlement.lost(roster.living)
        histories.hold()
    }

    func busDidRecover() {
        logger.info("the bus is back; writing presence again")
        groups.refresh(wantsAll: true)
        let (round, awaited) = settlement.begin(roster.living)
        let lostAt = busSeenAt.load(ordering: .relaxed)
        Task { await settle(awaiting: awaited, round: round, lostAt: lostAt) }
    }

    func deliver(_ push: BusPush) {
        switch push.target {
        case .client(let client):
            guard let place = directory.place(of: client) ?? unclaimed(push, client) else {
                return give(PushOutcome(), for: push)
            }
            let shard = shard(at: place)
            if shard.loop.inEventLoop { return shard.deliver(push, toAt: place) }
            shard.loop.execute { shard.deliver(push, toAt: place) }
        case .clients(let clients):
            let places = Dictionary(grouping: clients.compactMap { directory.place(of: $0) }, by: \.shard)
            guard !places.isEmpty else { return give(PushOutcome(), for: push) }
            let collector = collector(for: push, shards: places.count)
            let prepared = PreparedPush(push)
            for (shard, places) in places {
                on(shards[Int(shard)]) { $0.deliver(prepared, toAt: places, collector) }
            }
        case .group(let name): everywhere(push) { $0.deliver($1, to: name, $2) }
        case .labels(let labels): everywhere(push) { $0.deliver($1, withLabels: labels, $2) }
        case .all: everywhere(push) { $0.deliverToAll($1, $2) }
        }
    }

    /// A durable push may come between the registration of its client and the opening of the session, which then looks for it.
    private func unclaimed(_ push: BusPush, _ client: ClientID) -> SessionPlace? {
        guard push.durable != nil else { return nil }
        unclaimedMail.note(client)
        return directory.place(of: client)
    }

    private func everywhere(
        _ push: BusPush, _ body: @escaping @Sendable (Shard, PreparedPush, ReceiptCollector?) -> Void
    ) {
        let collector = collector(for: push, shards: shards.count)
        let prepared = PreparedPush(push)
        for shard in shards { on(shard) { body($0, prepared, collector) } }
    }

    /// nil when nobody wants to know.
    private func collector(for push: BusPush, shards: Int) -> ReceiptCollector? {
        guard push.origin != nil || events.isWatched else { return nil }
        return ReceiptCollector(shards: shards) { [self] in give($0, for: push) }
    }

    func give(_ outcome: PushOutcome, for push: BusPush) {
        if events.isWatched { note(outcome, of: push) }
        guard let origin = push.origin else { return }
        let receipt = Receipt(
            ticket: push.ticket, node: id, matched: outcome.matched, delivered: outcome.delivered,
            dropped: outcome.dropped)
        if origin == id { delivery.received(receipt) } else { bus.send(.receipt(receipt), to: origin) }
    }

    // MARK: Orders and questions

    private func carryOut(_ control: Control) {
        guard let place = directory.place(of: control.client) else { return tell(.notHere, of: control) }
        on(shard(at: place)) { [self] shard in
            guard let session = shard.session(at: place), session.phase == .open else {
                return tell(.notHere, of: control)
            }
            switch control.action {
            case .close(let code, let reason):
                session.close(CloseCode(rawValue: code), reason: reason)
                tell(.done, of: control)
            case .join(let group):
                let joined = session.join(group)
                session.noteGroups()
                tell(joined ? .done : .refused, of: control)
            case .leave(let group):
                session.leave(group)
                session.noteGroups()
                tell(.done, of: control)
            }
        }
    }

    private func tell(_ result: ControlOutcome.Result, of control: Control) {
        bus.send(.done(ControlOutcome(id: control.id, node: id, result: result)), to: control.origin)
    }

    private func answer(_ query: Query) {
        Task { [self] in
            let body = await NodeReport.body(for: query.subject, of: self)
            bus.send(.answer(Answer(id: query.id, node: id, body: body)), to: query.origin)
        }
    }
}

/// The shards by their loops. Filled once, before the node takes part.
private final class ShardList: @unchecked Sendable {
    private(set) var shards: [Shard] = []
    private var byLoop: [ObjectIdentifier: Shard] = [:]

    func fill(_ shards: [Shard]) {
        self.shards = shards
        for shard in shards { byLoop[ObjectIdentifier(shard.loop)] = shard }
    }

    func shard(of loop: any EventLoop) -> Shard { byLoop[ObjectIdentifier(loop)] ?? shards[0] }
}

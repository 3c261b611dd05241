import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension RedisLink {
    /// With several servers the next try may find another master, so it comes soon.
    private static let longestPauseOfMany = Duration.seconds(1)

    /// Keeps the link up until the task is cancelled.
    func run() async {
        let isSingle = configuration.address.topology == .single
        var backoff = LinkBackoff(
            min: configuration.reconnect.min,
            max: isSingle
                ? configuration.reconnect.max : min(configuration.reconnect.max, Self.longestPauseOfMany))
        var generator = SystemRandomNumberGenerator()
        var lastKind: String?
        var hasFailed = false
        let sources = SourceList(configuration.address.endpoints)
        let guide = TopologyGuide(configuration: configuration, sources: sources, group: group)
        while !Task.isCancelled {
            let life = beginLife()
            let trouble = await live(life, guide) {
                backoff.reset()
                lastKind = nil
                return hasFailed
            }
            shut(trouble, life: life)
            if Task.isCancelled { return }
            hasFailed = true
            guide.doubt()
            // One line for each change of the state: a Redis that stays away must not fill the log.
            if trouble.kind != lastKind {
                logger.warning(
                    "Redis is not available; trying again until it is",
                    metadata: ["redis": "\(configuration.address)", "reason": "\(trouble)"])
                lastKind = trouble.kind
            }
            try? await Task.sleep(for: backoff.next(using: &generator))
        }
    }

    private enum Event: Sendable {
        case subscribed
        case canary(String, LinkStateMachine.Way)
        case closed(RedisTrouble)
        case tick
    }

    /// One life of all connections.
    ///
    /// - Parameter opened: Called when the link has opened; returns true when it was away before.
    /// - Returns: Why it ended.
    private func live(_ life: Int, _ guide: TopologyGuide, opened: () -> Bool) async -> RedisTrouble {
        // Of the few events that one life has the last, which ends it, must not be lost.
        let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(64))
        let lost: @Sendable (RedisTrouble) -> Void = { [self] trouble in
            shut(trouble, life: life)
            continuation.yield(.closed(trouble))
        }
        let inlet = SubscriptionInlet(link: self) {
            continuation.yield(.subscribed)
        } ended: {
            lost(.switched("a subscription was ended"))
        } canary: { token, way in
            continuation.yield(.canary(token, way))
        }
        let wires = Wires()
        do {
            let (ready, watching) = try await connect(wires, guide, inlet, lost: lost)
            defer { watching?.cancel() }
            let ticks = ticks(on: group.next()) { continuation.yield(.tick) }
            defer { ticks.cancel() }
            try await watch(events, ready, opened: opened)
        } catch {
            let trouble = Task.isCancelled ? .stopped : error as? RedisTrouble ?? .unreachable("\(error)")
            wires.close(trouble)
            return trouble
        }
        wires.close(.stopped)
        return .stopped
    }

    /// Returns when the task is cancelled, throws when the link is lost.
    private func watch(_ events: AsyncStream<Event>, _ ready: Ready, opened: () -> Bool) async throws {
        var machine = LinkStateMachine(
            interval: TimeAmount(configuration.probeInterval), timeout: TimeAmount(configuration.canaryTimeout))
        machine.connected(at: .now())
        for await event in events {
            switch event {
            case .subscribed:
                let token = canaryToken()
                machine.subscribed(token, at: .now())
                probe(ready, token)
            case .canary(let token, let way):
                switch machine.returned(token, by: way) {
                case .nothing: break
                case .becameAvailable: announce(ready, wasAway: opened())
                case .renewed: canaryReturned()
                }
            case .tick:
                switch machine.tick(canaryToken(), at: .now()) {
                case .nothing: break
                case .probe(let token): probe(ready, token)
                case .giveUp(let trouble): throw trouble
                }
            case .closed(let trouble): throw trouble
            }
        }
    }

    private func announce(_ ready: Ready, wasAway: Bool) {
        let openings = open(ready)
        logger.info("Redis is available", metadata: ["redis": "\(configuration.address)"])
        let message = BusCodec.encode(.nodeUp(configuration.node))
        send(.nobody) { buffer, _ in publish(message, by: .shared, &buffer) }
        if openings > 0 || wasAway { receiver?.busDidRecover() }
    }

    private func canaryToken() -> String { "\(configuration.node)/\(SessionID.random())" }

    /// Publishes a canary on both channels, and makes sure that every server answers and is no replica by now.
    private func probe(_ ready: Ready, _ token: String) {
        let message = BusCodec.encode(.canary(token))
        canarySent()
        for way in [LinkStateMachine.Way.shared, .node] {
            ready.send(.nobody) { buffer, _ in publish(message, by: way, &buffer) }
        }
        for connection in ready.connections {
            connection.send(
                .reply { reply in
                    if case .success(let reply) = reply, !reply.isRoleOfMaster { connection.close(.readOnly) }
                }
            ) { $0.role() }
        }
        guard let router = ready.router, let master = ready.masters.randomElement() else { return }
        master.connection.send(
            .reply { reply in
                guard case .success(let reply) = reply, let map = SlotMap(reply, from: master.endpoint.host) else {
                    return
                }
                router.update(map)
            }
        ) { $0.clusterSlots() }
    }

    private func ticks(on eventLoop: any EventLoop, _ tick: @escaping @Sendable () -> Void) -> RepeatedTask {
        let interval = min(TimeAmount(configuration.probeInterval), .seconds(1))
        return eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in tick() }
    }

    /// Writes the command that publishes to all nodes, or to this one.
    func publish(_ message: ByteBuffer, by way: LinkStateMachine.Way, _ buffer: inout CommandBuffer) {
        buffer.command(arguments: 3)
        buffer.argument(dialect.publish)
        switch way {
        case .shared: buffer.argument(keys.push)
        case .node: buffer.argument(keys.nodeChannel, configuration.node.rawValue)
        }
        buffer.argument(message)
    }

    /// Completes when every server has answered everything that was sent to it before.
    func settled(_ completion: @escaping @Sendable (Result<Void, BusError>) -> Void) {
        guard let connections = openConnections else { return completion(.failure(.unavailable("the link is down"))) }
        let batch = ReplyBatch(count: connections.count) { completion($0.map { _ in }) }
        for (index, connection) in connections.enumerated() {
            connection.send(.batch(batch, index)) { buffer in
                buffer.command(arguments: 1)
                buffer.argument("PING" as StaticString)
            }
        }
    }
}

extension RESPReply {
    /// Of the reply to `ROLE`.
    var isRoleOfMaster: Bool { elements?.first?.text != "slave" }
}

extension CommandBuffer {
    mutating func role() {
        command(arguments: 1)
        argument("ROLE" as StaticString)
    }

    mutating func clusterSlots() {
        command(arguments: 2)
        argument("CLUSTER" as StaticString)
        argument("SLOTS" as StaticString)
    }
}

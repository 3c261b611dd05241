import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension RedisLink {
    /// Keeps the link up until the task is cancelled.
    func run() async {
        var backoff = LinkBackoff(min: configuration.reconnect.min, max: configuration.reconnect.max)
        var generator = SystemRandomNumberGenerator()
        var lastKind: String?
        var hasFailed = false
        while !Task.isCancelled {
            let life = beginLife()
            let trouble = await live(life) {
                backoff.reset()
                lastKind = nil
                return hasFailed
            }
            shut(trouble, life: life)
            if Task.isCancelled { return }
            hasFailed = true
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

    /// One life of both connections.
    ///
    /// - Parameter opened: Called when the link has opened; returns true when it was away before.
    /// - Returns: Why it ended.
    private func live(_ life: Int, opened: () -> Bool) async -> RedisTrouble {
        // Of the few events that one life has the last, which ends it, must not be lost.
        let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(64))
        let closed: @Sendable (RedisTrouble) -> Void = { [self] trouble in
            shut(trouble, life: life)
            continuation.yield(.closed(trouble))
        }
        let inlet = SubscriptionInlet(link: self) {
            continuation.yield(.subscribed)
        } canary: { token, way in
            continuation.yield(.canary(token, way))
        }
        var connections: [RedisConnection] = []
        do {
            let commands = try await RedisConnection.connect(
                configuration, name: "switchboard:\(configuration.node):commands", on: group.next(),
                events: .init(delivered: { _ in }, closed: closed))
            connections.append(commands)
            try await Self.checkRole(of: commands)
            let scripts = try await ScriptTable(loadedBy: commands)
            let subscriber = try await RedisConnection.connect(
                configuration, name: "switchboard:\(configuration.node):subscriber", on: group.next(),
                symbols: inlet.symbols, events: .init(delivered: { inlet.deliver($0) }, closed: closed))
            connections.append(subscriber)
            subscriber.subscribe(to: inlet.connected())
            let ready = Ready(connection: commands, scripts: scripts)
            let ticks = ticks(on: commands.channel.eventLoop) { continuation.yield(.tick) }
            defer { ticks.cancel() }
            try await watch(events, ready, opened: opened)
        } catch {
            let trouble = Task.isCancelled ? .stopped : error as? RedisTrouble ?? .unreachable("\(error)")
            for connection in connections { connection.close(trouble) }
            return trouble
        }
        for connection in connections { connection.close(.stopped) }
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
                probe(ready.connection, token)
            case .canary(let token, let way):
                switch machine.returned(token, by: way) {
                case .nothing: break
                case .becameAvailable: announce(ready, wasAway: opened())
                case .renewed: canaryReturned()
                }
            case .tick:
                switch machine.tick(canaryToken(), at: .now()) {
                case .nothing: break
                case .probe(let token): probe(ready.connection, token)
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
        send(.nobody) { buffer, _ in buffer.publish(message, on: self.keys.push) }
        if openings > 0 || wasAway { receiver?.busDidRecover() }
    }

    private func canaryToken() -> String { "\(configuration.node)/\(SessionID.random())" }

    /// Publishes a canary on both channels, and makes sure that Redis is no replica by now.
    private func probe(_ connection: RedisConnection, _ token: String) {
        let message = BusCodec.encode(.canary(token))
        canarySent()
        connection.send(.nobody) { $0.publish(message, on: self.keys.push) }
        connection.send(.nobody) { buffer in
            buffer.command(arguments: 3)
            buffer.argument("PUBLISH" as StaticString)
            buffer.argument(self.keys.nodeChannel, self.configuration.node.rawValue)
            buffer.argument(message)
        }
        connection.send(
            .reply { reply in
                if case .success(let reply) = reply, !Self.isMaster(reply) { connection.close(.readOnly) }
            }
        ) { $0.role() }
    }

    private static func checkRole(of connection: RedisConnection) async throws {
        do {
            guard isMaster(try await connection.demand { $0.role() }) else { throw RedisTrouble.readOnly }
        } catch RedisTrouble.denied {
            // A user may be without this command; then a replica shows itself by refusing to write.
        }
    }

    private static func isMaster(_ reply: RESPReply) -> Bool { reply.elements?.first?.text != "slave" }

    private func ticks(on eventLoop: any EventLoop, _ tick: @escaping @Sendable () -> Void) -> RepeatedTask {
        let interval = min(TimeAmount(configuration.probeInterval), .seconds(1))
        return eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in tick() }
    }
}

extension CommandBuffer {
    mutating func publish(_ message: ByteBuffer, on channel: String) {
        command(arguments: 3)
        argument("PUBLISH" as StaticString)
        argument(channel)
        argument(message)
    }

    fileprivate mutating func role() {
        command(arguments: 1)
        argument("ROLE" as StaticString)
    }
}

import NIOCore
import SwitchboardCore
import Synchronization

/// Sends each command to the master of a Redis Cluster that has its key, and follows redirections.
///
/// It knows the masters that there were when the link opened. When others appear the link begins anew: a new master may lack
/// what an old one had, so presence has to be written again anyhow.
final class ClusterRouter: Sendable {
    /// A command that was redirected so often fails.
    static let maximumRedirections = 16
    /// Between two attempts while a slot is on its way.
    private static let pause = TimeAmount.milliseconds(50)

    private let masters: [RedisEndpoint: Ready.Master]
    private let map: Mutex<SlotMap>
    /// Where commands without a key run, so that one clock tells the time of all leases.
    private let home: Int
    /// Slots of the channels that are listened to: when their masters change, messages are missed.
    private let heard: [Int: RedisEndpoint]
    private let lost: @Sendable (RedisTrouble) -> Void

    /// - Parameter lost: Called when the map turns out to be of no use any more.
    init(
        masters: [RedisEndpoint: Ready.Master], map: SlotMap, keys: RedisKeys, node: String,
        lost: @escaping @Sendable (RedisTrouble) -> Void
    ) {
        self.masters = masters
        self.map = Mutex(map)
        self.lost = lost
        home = KeySlot.of(keys.nodes)
        var heard: [Int: RedisEndpoint] = [:]
        for name in [keys.push, keys.nodeChannel.name(node)] {
            let slot = KeySlot.of(name)
            heard[slot] = map.master(of: slot)
        }
        self.heard = heard
    }

    /// - Parameter isKept: It is answered only when replicas have it, if any are asked for.
    func send(_ consumer: PendingCommand.Consumer, isKept: Bool, _ write: (inout CommandBuffer) -> Void) {
        var buffer = CommandBuffer()
        write(&buffer)
        let pieces = buffer.take()
        let slot = CommandKey.slot(of: pieces) ?? home
        send(RoutedCommand(router: self, consumer: consumer, pieces: pieces, slot: slot, isKept: isKept))
    }

    fileprivate func send(_ command: RoutedCommand) {
        guard let endpoint = map.withLock({ $0.master(of: command.slot) }) else {
            return command.fail(.unavailable("no server has slot \(command.slot)"))
        }
        send(command, to: endpoint, isAsking: false)
    }

    private func send(_ command: RoutedCommand, to endpoint: RedisEndpoint, isAsking: Bool) {
        guard let master = masters[endpoint] else {
            lost(.switched("\(endpoint)"))
            return command.fail(.unavailable("slot \(command.slot) has moved to \(endpoint)"))
        }
        let wasSent = command.begin(at: endpoint)
        guard wasSent else { return command.fail(.unavailable("slot \(command.slot) is moved again and again")) }
        if command.isKept, let writer = master.writer {
            writer.send(.routed(command), isAsking: isAsking) { $0.commands(command.pieces) }
        } else {
            master.connection.send(.routed(command), isAsking: isAsking) { $0.commands(command.pieces) }
        }
    }

    fileprivate func follow(_ redirection: Redirection, _ command: RoutedCommand) {
        switch redirection {
        case .moved(let slot, let endpoint):
            _ = map.withLock { $0.move(slot, to: endpoint) }
            if let master = heard[slot], master != endpoint { lost(.switched("\(endpoint)")) }
            send(command, to: endpoint, isAsking: false)
        case .ask(let endpoint): send(command, to: endpoint, isAsking: true)
        case .tryAgain:
            let master = masters.values.first
            guard let loop = master?.connection.channel.eventLoop else { return command.fail(.overloaded) }
            loop.scheduleTask(in: Self.pause) { self.send(command) }
        }
    }

    /// What a master says now of who has which slots.
    func update(_ map: SlotMap) {
        // While a failover is under way nobody may have some of them; commands say so themselves.
        guard map.isComplete else { return }
        if let stranger = map.masters.first(where: { masters[$0] == nil }) { return lost(.switched("\(stranger)")) }
        for (slot, master) in heard where map.master(of: slot) != master {
            return lost(.switched("\(map.master(of: slot) ?? master)"))
        }
        self.map.withLock { $0 = map }
    }
}

/// A command on its way through a Redis Cluster, kept until it is answered in case it has to go elsewhere.
final class RoutedCommand: Sendable {
    let pieces: [ByteBuffer]
    let slot: Int
    let isKept: Bool
    private let router: ClusterRouter
    private let consumer: PendingCommand.Consumer
    private let way = Mutex<(host: String, attempts: Int)>(("", 0))

    init(
        router: ClusterRouter, consumer: PendingCommand.Consumer, pieces: [ByteBuffer], slot: Int, isKept: Bool
    ) {
        self.router = router
        self.consumer = consumer
        self.pieces = pieces
        self.slot = slot
        self.isKept = isKept
    }

    /// - Returns: false when it was sent often enough.
    fileprivate func begin(at endpoint: RedisEndpoint) -> Bool {
        way.withLock { way in
            way.host = endpoint.host
            way.attempts += 1
            return way.attempts <= ClusterRouter.maximumRedirections
        }
    }

    func complete(_ reply: RESPReply) {
        if case .error(let text) = reply, let step = Redirection(text, from: way.withLock({ $0.host })) {
            return router.follow(step, self)
        }
        PendingCommand(consumer: consumer, bytes: 0).complete(reply)
    }

    func fail(_ error: BusError) { PendingCommand(consumer: consumer, bytes: 0).fail(error) }
}

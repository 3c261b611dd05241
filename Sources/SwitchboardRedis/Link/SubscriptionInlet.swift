import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Takes what the listening connection receives, on its event loop: confirmations, canaries, and messages for the receiver.
final class SubscriptionInlet: Sendable {
    private enum Symbol: Int, CaseIterable {
        case message, subscribe, push, node, end
    }

    /// What the parser is to know by heart, in the order of `Symbol`.
    let symbols: [String]

    private let link: RedisLink
    private let receiver: (any BusReceiver)?
    private let book: Mutex<SubscriptionBook>
    private let ids = Mutex(ULIDGenerator())
    private let ownCanary: String
    private let subscribed: @Sendable () -> Void
    private let ended: @Sendable () -> Void
    private let canary: @Sendable (String, LinkStateMachine.Way) -> Void

    /// - Parameters:
    ///   - subscribed: Called when all subscriptions are confirmed.
    ///   - ended: Called when Redis ends one, as a server of a Redis Cluster does when it loses the slot.
    ///   - canary: Called with each of this node's own that is no token of a barrier.
    init(
        link: RedisLink, subscribed: @escaping @Sendable () -> Void, ended: @escaping @Sendable () -> Void,
        canary: @escaping @Sendable (String, LinkStateMachine.Way) -> Void
    ) {
        let node = link.configuration.node
        let channels = [link.keys.push, link.keys.nodeChannel.name(node.rawValue)]
        self.symbols = [link.dialect.message, link.dialect.confirmation] + channels + [link.dialect.end]
        self.link = link
        self.receiver = link.receiver
        self.book = Mutex(SubscriptionBook(channels: channels))
        self.ownCanary = "\(node)/"
        self.subscribed = subscribed
        self.ended = ended
        self.canary = canary
    }

    /// - Returns: The channels to subscribe to.
    func connected() -> [String] { book.withLock { $0.connected() } }

    func deliver(_ reply: RESPReply) {
        guard case .array(let elements) = reply, elements.count == 3, case .symbol(let kind) = elements[0],
            case .symbol(let channel) = elements[1]
        else { return }
        switch Symbol(rawValue: kind) {
        case .message:
            guard case .bulk(let bytes) = elements[2] else { return link.drops.count("a message of one word") }
            receive(bytes, by: channel == Symbol.push.rawValue ? .shared : .node)
        case .subscribe:
            if book.withLock({ $0.confirmed(symbols[channel]) }) { subscribed() }
        case .end: ended()
        case .push, .node, nil: break
        }
    }

    private func receive(_ bytes: ByteBuffer, by way: LinkStateMachine.Way) {
        do throws(BusCodec.Failure) {
            let message = try BusCodec.decode(bytes, newID: newID)
            if case .canary(let token) = message {
                // Those of other nodes are on the shared channel too.
                guard token.hasPrefix(ownCanary), !link.returned(token, by: way) else { return }
                canary(token, way)
                return
            }
            receiver?.receive(message)
        } catch {
            link.drops.count(error.description)
        }
    }

    private func newID() -> PushID {
        PushID(unchecked: ids.withLock { $0.next(milliseconds: WallClock.milliseconds()) })
    }
}

/// Counts something that goes wrong, such as messages that could not be understood, and says so at most once a minute.
final class DropCounter: Sendable {
    private struct State {
        var total = 0
        var logged = 0
        var lastLog: NIODeadline?
    }

    private let state = Mutex(State())
    private let logger: Logger
    private let message: Logger.Message

    init(logger: Logger, _ message: Logger.Message = "bus messages were not understood and dropped") {
        self.logger = logger
        self.message = message
    }

    var total: Int { state.withLock { $0.total } }

    func count(_ reason: String, now: NIODeadline = .now()) {
        let news: Int? = state.withLock { state in
            state.total += 1
            if let last = state.lastLog, now - last < .minutes(1) { return nil }
            state.lastLog = now
            defer { state.logged = state.total }
            return state.total - state.logged
        }
        guard let news else { return }
        logger.warning(message, metadata: ["count": "\(news)", "last": "\(reason)"])
    }
}

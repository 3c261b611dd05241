import DequeModule
import SwitchboardProtocol
import Synchronization

/// The histories of an ``InProcessCluster``: what was pushed durably to groups and to all.
///
/// All channels share one epoch, since they can only be lost together. What was dropped is remembered by the newest offset that
/// is gone, also for channels that are forgotten altogether.
final class InProcessHistories: Sendable {
    /// Bytes that all histories take together: payloads, and ``InProcessMailbox/entryOverhead`` per push.
    static let maximumBytes = 256 << 20
    /// Channels in which nothing is left are forgotten beyond this number.
    static let keptEmpty = 100_000

    /// Hands a push to every node; the number of nodes that have it.
    typealias Publish = @Sendable (BusPush) -> Int

    fileprivate struct State {
        var channels: [String: InProcessHistory] = [:]
        /// Every push that is kept, oldest first; stale where it is gone already.
        var order: Deque<(channel: String, offset: StreamOffset)> = []
        var pushes = 0
        var bytes = 0
        var offsets = OffsetClock()
        /// The newest offset of all channels that were forgotten.
        var forgotten = StreamOffset.zero
        var sweepAt = InProcessHistories.keptEmpty
    }

    let queue = HandOverQueue()
    private let state = Mutex(State())
    private let epoch = SessionID.random().rawValue
    private let maximumBytes: Int
    private let clock: @Sendable () -> UInt64

    init(maximumBytes: Int = InProcessHistories.maximumBytes, clock: @escaping @Sendable () -> UInt64) {
        self.maximumBytes = maximumBytes
        self.clock = clock
    }

    func append(
        _ push: BusPush, limit: Int, publish: @escaping Publish,
        completion: @escaping @Sendable (Result<(place: BusPush.Place, nodes: Int), BusError>) -> Void
    ) {
        guard push.target.hasHistory, push.durable != nil else {
            return completion(.failure(.unavailable("only a durable push to a group or to all has a history")))
        }
        guard !queue.isFull else { return completion(.failure(.overloaded)) }
        let channel = push.target.channel
        state.withLock { state in
            let now = clock()
            state.makeRoom(now)
            var push = push
            push.payload.bytes = push.payload.bytes.compacted()
            let previous = state.channels[channel]?.newest ?? state.forgotten
            let place = BusPush.Place(offset: state.offsets.next(now: now), previous: previous, epoch: epoch)
            push.durable?.place = place
            state.change(channel) { history in
                history.expire(now: now)
                history.append(push, at: place.offset)
                if limit > 0 { history.trim(to: limit) }
            }
            state.order.append((channel, place.offset))
            state.keepWithin(maximumBytes)
            queue.add { [push] in completion(.success((place, publish(push)))) }
        }
        queue.run()
    }

    func page(of channel: String, after offset: HistoryOffset?, limit: Int) -> HistoryPage {
        state.withLock { state in
            guard state.channels[channel] != nil else {
                let newest = HistoryOffset(epoch: epoch, offset: state.forgotten)
                return HistoryPage(newest: newest, pushes: offset == nil || offset == newest ? [] : nil)
            }
            return state.change(channel) { history in
                history.expire(now: clock())
                let newest = HistoryOffset(epoch: epoch, offset: history.newest)
                guard let offset else { return HistoryPage(newest: newest, pushes: []) }
                let pushes = offset.epoch == epoch ? history.pushes(after: offset.offset, limit: limit) : nil
                return HistoryPage(newest: newest, pushes: pushes)
            }
        }
    }

    func newest(of channel: String, limit: Int) -> HistoryPage {
        state.withLock { state in
            guard state.channels[channel] != nil else {
                return HistoryPage(newest: HistoryOffset(epoch: epoch, offset: state.forgotten), pushes: [])
            }
            return state.change(channel) { history in
                history.expire(now: clock())
                return HistoryPage(
                    newest: HistoryOffset(epoch: epoch, offset: history.newest), pushes: history.newest(limit))
            }
        }
    }
}

extension InProcessHistories.State {
    /// Changes a channel's history, with the sums kept right.
    fileprivate mutating func change<Result>(_ channel: String, _ body: (inout InProcessHistory) -> Result) -> Result {
        let forgotten = forgotten
        func counted(_ history: inout InProcessHistory) -> (Result, pushes: Int, bytes: Int) {
            let (pushes, bytes) = (history.count, history.cost)
            let result = body(&history)
            return (result, history.count - pushes, history.cost - bytes)
        }
        let (result, morePushes, moreBytes) = counted(&channels[channel, default: InProcessHistory(newest: forgotten)])
        pushes += morePushes
        bytes += moreBytes
        return result
    }

    /// The oldest of all channels give way.
    fileprivate mutating func keepWithin(_ maximumBytes: Int) {
        while bytes > maximumBytes, let oldest = order.popFirst() {
            change(oldest.channel) { $0.trim(upTo: oldest.offset) }
        }
        // Pushes that were trimmed leave their places behind; they are swept out before they are the most of the list.
        guard order.count > 2 * pushes + 1000 else { return }
        order = order.filter { channels[$0.channel]?.has($0.offset) ?? false }
    }

    fileprivate mutating func makeRoom(_ now: UInt64) {
        guard channels.count >= sweepAt else { return }
        for channel in Array(channels.keys) {
            change(channel) { $0.expire(now: now) }
            guard let history = channels[channel], history.count == 0 else { continue }
            forgotten = max(forgotten, history.newest)
            channels[channel] = nil
        }
        sweepAt = max(InProcessHistories.keptEmpty, 2 * channels.count)
    }
}

extension Target {
    fileprivate var hasHistory: Bool {
        switch self {
        case .group, .all: true
        case .client, .clients, .labels: false
        }
    }
}

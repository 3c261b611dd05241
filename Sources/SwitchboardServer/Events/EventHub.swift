import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Live events for whoever watches, on this node or on another.
///
/// Nothing is made while nobody watches: ``isWatched`` is all that the ways of pushes and sessions pay. A watch is a lease,
/// so one whose node died ends by itself. Events gather for a moment and go to the watcher's node together; what is beyond
/// the limit is counted and told, so watching can slow nothing down.
final class EventHub: Sendable {
    /// Seconds between two renewals, and for which a watch holds without one.
    private static let renewal = 5
    private static let lease = 15
    /// Watches of all nodes that are heeded here, and those of this node alone.
    private static let maximumWatches = 512
    static let maximumWatchers = 32
    /// Watches of this node's operator sockets, counted apart from those of `GET /v1/events`.
    static let maximumSocketWatches = 128
    /// Events for one watch between two calls of ``sweep()``.
    private static let maximumEvents = 500
    /// Batches that wait for a watcher that reads slowly.
    private static let maximumBatches = 20

    private struct Heeded {
        let watch: Watch
        /// Monotonic seconds.
        var until: UInt64
        var lines = ByteBuffer()
        var count = 0
        var dropped = 0
    }

    /// By which way a watcher is told.
    enum Kind: Hashable, Sendable { case stream, socket }

    private struct Watcher {
        let watch: Watch
        let kind: Kind
        let feed: WatcherFeed
        let standing: Standing?
        var renewAt: UInt64
    }

    private struct State {
        var heeded: [String: Heeded] = [:]
        var watchers: [String: Watcher] = [:]
        var isClosed = false

        func mayWatch(_ kind: Kind) -> Bool {
            let limit = kind == .socket ? EventHub.maximumSocketWatches : EventHub.maximumWatchers
            return !isClosed && watchers.values.count { $0.kind == kind } < limit
        }
    }

    private let bus: any Bus
    private let watched = Atomic(false)
    private let state = Mutex(State())

    init(bus: any Bus) { self.bus = bus }

    var isWatched: Bool { watched.load(ordering: .relaxed) }

    /// The clients that somebody watches in particular.
    var watchedClients: Set<ClientID> { state.withLock { Set($0.heeded.values.compactMap(\.watch.client)) } }

    // MARK: What happens

    /// Whom an event concerns.
    enum Subject {
        case node
        case client(ClientID)
        /// Told only to those that watch this client; the others have been told of all clients together.
        case onlyWatchersOf(ClientID)
    }

    /// Call it only while ``isWatched``.
    func note(_ type: EventType, _ subject: Subject, _ members: (inout JSONObjectWriter) -> Void) {
        let chosen = state.withLock { state in state.heeded.filter { Self.means($0.value.watch, type, subject) }.keys }
        guard !chosen.isEmpty else { return }
        let line = line(type, subject, members)
        state.withLock { state in
            for id in chosen {
                guard var heeded = state.heeded.removeValue(forKey: id) else { continue }
                if heeded.count < Self.maximumEvents {
                    heeded.count += 1
                    heeded.lines.writeImmutableBuffer(line)
                } else {
                    heeded.dropped += 1
                }
                state.heeded[id] = heeded
            }
        }
    }

    private static func means(_ watch: Watch, _ type: EventType, _ subject: Subject) -> Bool {
        guard type.isAmong(watch.types) else { return false }
        switch subject {
        case .node: return watch.client == nil
        case .client(let client): return watch.client == nil || watch.client == client
        case .onlyWatchersOf(let client): return watch.client == client
        }
    }

    private func line(
        _ type: EventType, _ subject: Subject, _ members: (inout JSONObjectWriter) -> Void
    ) -> ByteBuffer {
        var line = ByteBuffer(string: type.rawValue + " ")
        var json = JSONObjectWriter(taking: &line)
        json.string("type", type.rawValue)
        json.time("at", WallClock.milliseconds())
        json.string("node", bus.node.rawValue)
        switch subject {
        case .node: break
        case .client(let client), .onlyWatchersOf(let client): json.string("client", client.rawValue)
        }
        members(&json)
        line = json.finish()
        line.writeStaticString("\n")
        return line
    }

    // MARK: Watches

    /// Somebody, on whichever node, watches, or goes on or ends doing so.
    func heed(_ watch: Watch) {
        state.withLock { state in
            if watch.lease == 0 {
                state.heeded[watch.id] = nil
            } else if state.heeded[watch.id] != nil || state.heeded.count < Self.maximumWatches {
                let until = Self.now + UInt64(watch.lease)
                if state.heeded[watch.id]?.watch == watch {
                    state.heeded[watch.id]?.until = until
                } else {
                    state.heeded[watch.id] = Heeded(watch: watch, until: until)
                }
            }
            watched.store(!state.heeded.isEmpty, ordering: .relaxed)
        }
    }

    /// False when too many watch here, or the node stops.
    var mayWatch: Bool { state.withLock { $0.mayWatch(.stream) } }

    /// Begins to watch the whole cluster.
    ///
    /// - Parameter standing: Whether whoever watches still may; its feed ends when that is not so any more.
    /// - Returns: nil when too many do so here, or the node stops.
    func watch(
        client: ClientID?, types: [String], standing: Standing? = nil, kind: Kind = .stream
    ) -> WatcherFeed? {
        let watch = Watch(
            id: RequestID.new(), origin: bus.node, client: client, types: types, lease: Self.lease)
        let feed = WatcherFeed(id: watch.id, limit: Self.maximumBatches)
        let mayWatch = state.withLock { state in
            guard state.mayWatch(kind) else { return false }
            state.watchers[watch.id] = Watcher(
                watch: watch, kind: kind, feed: feed, standing: standing,
                renewAt: Self.now + UInt64(Self.renewal))
            return true
        }
        guard mayWatch else { return nil }
        bus.publish(.watch(watch)) { result in feed.began(nodes: (try? result.get()) ?? 0) }
        return feed
    }

    func end(_ feed: WatcherFeed) {
        guard let watcher = state.withLock({ $0.watchers.removeValue(forKey: feed.id) }) else { return }
        var watch = watcher.watch
        watch.lease = 0
        bus.publish(.watch(watch)) { _ in }
    }

    /// What happened on some node.
    func received(_ batch: EventBatch) {
        state.withLock { $0.watchers[batch.watch]?.feed }?.put(batch)
    }

    /// Time passes: called several times a second.
    func sweep() {
        guard isWatched || state.withLock({ !$0.watchers.isEmpty }) else { return }
        dismiss()
        let now = Self.now
        let (batches, renewals) = state.withLock { state in
            for (id, heeded) in state.heeded where heeded.until <= now { state.heeded[id] = nil }
            watched.store(!state.heeded.isEmpty, ordering: .relaxed)
            return (takeBatches(&state), takeRenewals(&state, now))
        }
        for watch in renewals { bus.publish(.watch(watch)) { _ in } }
        for (origin, batch) in batches {
            if origin == bus.node { received(batch) } else { bus.send(.events(batch), to: origin) }
        }
    }

    /// Ends the feeds of those that may not watch any more.
    private func dismiss() {
        let watchers = state.withLock { $0.watchers.values.filter { $0.standing != nil } }
        for watcher in watchers where watcher.standing?.refusal != nil { watcher.feed.finish() }
    }

    private func takeBatches(_ state: inout State) -> [(origin: NodeID, batch: EventBatch)] {
        var batches: [(origin: NodeID, batch: EventBatch)] = []
        for (id, heeded) in state.heeded where heeded.count > 0 || heeded.dropped > 0 {
            let batch = EventBatch(watch: id, node: bus.node, dropped: heeded.dropped, lines: heeded.lines)
            batches.append((heeded.watch.origin, batch))
            state.heeded[id] = Heeded(watch: heeded.watch, until: heeded.until)
        }
        return batches
    }

    private func takeRenewals(_ state: inout State, _ now: UInt64) -> [Watch] {
        var renewals: [Watch] = []
        for (id, watcher) in state.watchers where watcher.renewAt <= now {
            renewals.append(watcher.watch)
            state.watchers[id]?.renewAt = now + UInt64(Self.renewal)
        }
        return renewals
    }

    /// The node stops: nobody can watch from here any more.
    func close() {
        let feeds = state.withLock { state in
            state.isClosed = true
            return state.watchers.values.map(\.feed)
        }
        for feed in feeds { feed.finish() }
    }

    private static var now: UInt64 { MonotonicClock.nanoseconds() / 1_000_000_000 }
}

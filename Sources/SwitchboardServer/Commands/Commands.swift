import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The commands whose callers wait at this node.
final class Commands: Sendable {
    /// What happens to a command, for whoever carries it through.
    enum Update: Sendable {
        case event(CommandEvent.Kind)
        /// To how many nodes the bus sent it: none when the client is not connected.
        case routed(nodes: Int)
        case failed(BusError)
        case timedOut
        /// It is time to look again whether the client has connected.
        case retry
    }

    /// Updates that wait for a slow caller, most of them pieces of output ...
    private static let maximumUpdates = 1024
    /// ... and the bytes of these pieces; what comes beyond is left out.
    static let maximumBacklog = 256 * 1024
    /// Commands that callers may wait for at once.
    static let maximumWaiting = 20_000

    private struct Waiting {
        let continuation: AsyncStream<Update>.Continuation
        /// What must not be lost, even when the backlog is full.
        var result: CommandEvent.Kind?
        /// Bytes of output that the caller has not taken.
        var backlog = 0
        /// Pieces of output that were left out.
        var lost = 0
    }

    let bus: any Bus
    let store: any Store
    let loop: any EventLoop
    private let metrics: NodeMetrics
    private let logger: Logger
    private let state = Mutex<(ids: ULIDGenerator, waiting: [CommandID: Waiting])>((ULIDGenerator(), [:]))

    init(
        bus: any Bus, store: any Store, loop: any EventLoop, metrics: NodeMetrics = NodeMetrics(),
        logger: Logger = Logger(label: "switchboard", factory: { _ in SwiftLogNoOpLogHandler() })
    ) {
        self.metrics = metrics
        self.logger = logger
        self.bus = bus
        self.store = store
        self.loop = loop
    }

    func newID() -> CommandID {
        let now = WallClock.milliseconds()
        return state.withLock { CommandID(unchecked: $0.ids.next(milliseconds: now)) }
    }

    /// - Returns: nil when this node waits for a command of this id already.
    /// - Throws: ``BusError/overloaded`` when it waits for too many.
    func begin(_ id: CommandID) throws(BusError) -> AsyncStream<Update>? {
        guard state.withLock({ $0.waiting.count }) < Self.maximumWaiting else { throw .overloaded }
        let (stream, continuation) = AsyncStream.makeStream(
            of: Update.self, bufferingPolicy: .bufferingOldest(Self.maximumUpdates))
        let isNew = state.withLock { state in
            guard state.waiting[id] == nil else { return false }
            state.waiting[id] = Waiting(continuation: continuation)
            return true
        }
        return isNew ? stream : nil
    }

    /// Whether a caller at this node waits for it.
    func isAwaited(_ id: CommandID) -> Bool { state.withLock { $0.waiting[id] != nil } }

    func end(_ id: CommandID) {
        state.withLock { $0.waiting.removeValue(forKey: id) }?.continuation.finish()
    }

    /// A command has come to its end.
    func ended(_ id: CommandID, of client: ClientID, _ outcome: CommandOutcome, nanoseconds: UInt64) {
        metrics.ended(outcome, nanoseconds: nanoseconds)
        logger.debug(
            "command ended",
            metadata: [
                "command": "\(id)", "client": "\(client)", "outcome": "\(outcome.label)",
                "ms": "\(nanoseconds / 1_000_000)",
            ])
    }

    /// The result, if it has come.
    func result(of id: CommandID) -> CommandEvent.Kind? { state.withLock { $0.waiting[id]?.result } }

    /// The caller has taken a piece of output.
    func taken(_ payload: Payload, of id: CommandID) {
        state.withLock { $0.waiting[id]?.backlog -= payload.bytes.readableBytes }
    }

    /// How many pieces of output the caller was too slow for.
    func lost(of id: CommandID) -> Int { state.withLock { $0.waiting[id]?.lost ?? 0 } }

    func update(_ id: CommandID, _ update: Update) {
        state.withLock { $0.waiting[id]?.continuation }?.yield(update)
    }

    /// A node tells what happened.
    func received(_ event: CommandEvent) {
        if case .output(let payload) = event.kind { return output(payload, of: event.id) }
        let continuation = state.withLock { state in
            if case .result = event.kind { state.waiting[event.id]?.result = event.kind }
            return state.waiting[event.id]?.continuation
        }
        if let continuation {
            continuation.yield(.event(event.kind))
            // Wakes a caller whose backlog is so full that even this was left out.
            if case .result = event.kind { continuation.finish() }
        } else if case .result(let status, let payload) = event.kind {
            keepLate(event.id, status, payload)
        }
    }

    private func output(_ payload: Payload, of id: CommandID) {
        state.withLock { state in
            guard let waiting = state.waiting[id] else { return }
            let backlog = waiting.backlog + payload.bytes.readableBytes
            if backlog <= Self.maximumBacklog, case .enqueued = waiting.continuation.yield(.event(.output(payload))) {
                state.waiting[id]?.backlog = backlog
            } else {
                state.waiting[id]?.lost += 1
            }
        }
    }

    /// The caller has its answer already; who asks for the command later shall see the client's.
    private func keepLate(_ id: CommandID, _ status: Int, _ payload: Payload?) {
        store.read(.command(id)) { [store] result in
            guard case .success(let bytes?) = result, var record = CommandRecord(bytes), record.state != "done" else {
                return
            }
            record.outcome = .result(status: status, payload, milliseconds: 0)
            store.write(.command(id), record.bytes, seconds: CommandRecord.lifetime) { _ in }
        }
    }
}

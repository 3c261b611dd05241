import DequeModule
import NIOCore
import SwitchboardProtocol
import Synchronization

/// The ledger of an ``InProcessCluster``.
final class InProcessLedger: Sendable {
    /// The most values, and the most logs.
    static let maximumCount = 100_000
    /// The most bytes of all values together, and of all logs.
    static let maximumBytes = 64 << 20
    /// What a value costs beside its bytes, about.
    fileprivate static let overhead = 256

    private typealias Log = Deque<(at: UInt64, entry: ByteBuffer)>

    private struct State {
        var values = ExpiringTable<LedgerKey, ByteBuffer>(
            maximumCount: InProcessLedger.maximumCount, maximumBytes: InProcessLedger.maximumBytes)
        var logs = ExpiringTable<PushID, Log>(
            maximumCount: InProcessLedger.maximumCount, maximumBytes: InProcessLedger.maximumBytes)
    }

    private let state = Mutex(State())
    private let clock: @Sendable () -> UInt64

    init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

    /// - Returns: nil when the value was written; else what is there.
    func claim(_ key: LedgerKey, _ value: ByteBuffer, seconds: Int) -> ByteBuffer? {
        let now = clock()
        return state.withLock { state in
            if let present = state.values.value(key, now: now) { return present }
            state.values.write(key, value, seconds: seconds, now: now)
            return nil
        }
    }

    func write(_ key: LedgerKey, _ value: ByteBuffer, seconds: Int) {
        let now = clock()
        state.withLock { $0.values.write(key, value, seconds: seconds, now: now) }
    }

    func read(_ key: LedgerKey) -> ByteBuffer? {
        let now = clock()
        return state.withLock { $0.values.value(key, now: now) }
    }

    func remove(_ key: LedgerKey) { state.withLock { $0.values.remove(key) } }

    func note(_ entry: ByteBuffer, about push: PushID) {
        let now = clock()
        let deadline = now + UInt64(PushLog.lifetime) * 1000
        let entry = entry.compacted()
        let cost = entry.readableBytes + Self.overhead
        state.withLock { state in
            let isThere = state.logs.update(push, deadline: deadline, now: now) { log in
                log.append((now, entry))
                guard log.count > PushLog.maximumEntries else { return cost }
                // How it began stays.
                return cost - log.remove(at: 1).entry.readableBytes - Self.overhead
            }
            if !isThere { state.logs.set(push, [(now, entry)], bytes: cost, deadline: deadline, now: now) }
        }
    }

    func log(of push: PushID) -> [(at: UInt64, entry: ByteBuffer)]? {
        let now = clock()
        return state.withLock { state in state.logs.value(push, now: now).map { Array($0) } }
    }
}

extension ExpiringTable<LedgerKey, ByteBuffer> {
    fileprivate mutating func write(_ key: LedgerKey, _ value: ByteBuffer, seconds: Int, now: UInt64) {
        set(
            key, value.compacted(), bytes: value.readableBytes + InProcessLedger.overhead,
            deadline: now + UInt64(clamping: seconds) * 1000, now: now)
    }
}

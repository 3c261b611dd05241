public import NIOCore
public import SwitchboardProtocol

/// Small things that are remembered for some minutes: answers to idempotency keys, commands, and what became of pushes.
public protocol LedgerStore: AnyObject, Sendable {
    /// Writes the value unless there is one.
    ///
    /// - Parameter completion: nil when it was written; else what is there.
    func claim(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void)

    /// Writes the value, whatever was there.
    func write(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void)

    func read(_ key: LedgerKey, completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void)

    func remove(_ key: LedgerKey)

    /// Adds an entry to a push's log and keeps the log for ``PushLog/lifetime`` from now. Lost when the store is away.
    func note(_ entry: ByteBuffer, about push: PushID)

    /// The log of a push, oldest first, each entry with the Unix milliseconds at which it was noted; nil when there is none.
    func log(of push: PushID) async throws -> [(at: UInt64, entry: ByteBuffer)]?
}

/// The name of something in the ledger.
public enum LedgerKey: Hashable, Sendable {
    /// The first answer to an idempotency key: any string of the backend's.
    case idempotency(String)
    case command(CommandID)
}

public enum PushLog {
    /// Seconds for which a push's log is kept.
    public static let lifetime = 600
    /// The most entries; the oldest behind the first are dropped.
    public static let maximumEntries = 100
}

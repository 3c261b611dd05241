public import NIOCore
public import SwitchboardProtocol

// The calls that take a completion, because the way of a push has no tasks, for those that wait in one.

extension MailboxStore {
    /// - Throws: ``BusError``.
    public func enqueue(_ push: BusPush, limits: MailboxLimits) async throws -> Enqueued {
        try await completed { enqueue(push, limits: limits, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func mail(
        of client: ClientID, after offset: StreamOffset?, limit: Int, bytes: Int
    ) async throws -> MailPage {
        try await completed { mail(of: client, after: offset, limit: limit, bytes: bytes, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func acknowledge(_ client: ClientID, upTo offset: StreamOffset) async throws -> [AckedPush] {
        try await completed { acknowledge(client, upTo: offset, completion: $0) }
    }
}

extension HistoryStore {
    /// - Throws: ``BusError``.
    public func append(_ push: BusPush, limit: Int) async throws -> (place: BusPush.Place, nodes: Int) {
        try await completed { append(push, limit: limit, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func newestHistory(of channel: String, limit: Int) async throws -> HistoryPage {
        try await completed { newestHistory(of: channel, limit: limit, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func history(of channel: String, after offset: HistoryOffset?, limit: Int) async throws -> HistoryPage {
        try await completed { history(of: channel, after: offset, limit: limit, completion: $0) }
    }
}

extension LedgerStore {
    /// - Throws: ``BusError``.
    public func claim(_ key: LedgerKey, _ value: ByteBuffer, seconds: Int) async throws -> ByteBuffer? {
        try await completed { claim(key, value, seconds: seconds, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func write(_ key: LedgerKey, _ value: ByteBuffer, seconds: Int) async throws {
        try await completed { write(key, value, seconds: seconds, completion: $0) }
    }

    /// - Throws: ``BusError``.
    public func read(_ key: LedgerKey) async throws -> ByteBuffer? {
        try await completed { read(key, completion: $0) }
    }
}

extension Bus {
    /// - Throws: ``BusError``.
    public func barrier() async throws {
        try await completed { barrier(completion: $0) }
    }
}

private func completed<Value: Sendable>(
    _ call: (@escaping @Sendable (Result<Value, BusError>) -> Void) -> Void
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        call { continuation.resume(with: $0) }
    }
}

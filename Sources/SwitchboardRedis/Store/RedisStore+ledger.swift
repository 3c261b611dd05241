public import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol

extension RedisStore {
    public func claim(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void
    ) {
        let keys = self.keys
        link.run(.claim, keys: 1, arguments: 2) { buffer in
            buffer.argument(key, keys: keys)
            buffer.argument(value)
            buffer.argument(max(1, seconds))
        } completion: {
            completion($0.flatMap(\.value))
        }
    }

    public func write(
        _ key: LedgerKey, _ value: ByteBuffer, seconds: Int,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        link.send(.reply { completion($0.map { _ in }) }) { buffer, _ in
            buffer.command(arguments: 5)
            buffer.argument("SET" as StaticString)
            buffer.argument(key, keys: self.keys)
            buffer.argument(value)
            buffer.argument("EX" as StaticString)
            buffer.argument(max(1, seconds))
        }
    }

    public func read(_ key: LedgerKey, completion: @escaping @Sendable (Result<ByteBuffer?, BusError>) -> Void) {
        link.send(.reply { completion($0.flatMap(\.value)) }) { buffer, _ in
            buffer.command(arguments: 2)
            buffer.argument("GET" as StaticString)
            buffer.argument(key, keys: self.keys)
        }
    }

    public func remove(_ key: LedgerKey) {
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 2)
            buffer.argument("DEL" as StaticString)
            buffer.argument(key, keys: self.keys)
        }
    }

    public func note(_ entry: ByteBuffer, about push: PushID) {
        let keys = self.keys
        link.run(.note, keys: 1, arguments: 3) { buffer in
            buffer.argument(keys.pushLog, push.rawValue)
            buffer.argument(entry)
            buffer.argument(PushLog.maximumEntries)
            buffer.argument(PushLog.lifetime)
        } completion: { _ in
        }
    }

    public func log(of push: PushID) async throws -> [(at: UInt64, entry: ByteBuffer)]? {
        let reply = try await link.batch(1) { buffer, _, _ in
            buffer.command(arguments: 4)
            buffer.argument("LRANGE" as StaticString)
            buffer.argument(self.keys.pushLog, push.rawValue)
            buffer.argument(0)
            buffer.argument(-1)
        }
        if case .error(let text) = reply[0] { throw BusError(reply: text) }
        guard let entries = reply[0].elements, !entries.isEmpty else { return nil }
        return entries.compactMap(\.logEntry)
    }
}

extension RESPReply {
    fileprivate var value: Result<ByteBuffer?, BusError> {
        switch self {
        case .null: .success(nil)
        case .bulk(let bytes): .success(bytes)
        default: .failure(.unavailable("Redis answered with something else than a string"))
        }
    }

    /// Unix milliseconds, a space, the entry.
    fileprivate var logEntry: (at: UInt64, entry: ByteBuffer)? {
        guard case .bulk(var bytes) = self,
            let space = bytes.readableBytesView.firstIndex(of: UInt8(ascii: " ")),
            let at = bytes.readString(length: space - bytes.readerIndex).flatMap(UInt64.init)
        else { return nil }
        bytes.moveReaderIndex(forwardBy: 1)
        return (at, bytes.slice())
    }
}

extension CommandBuffer {
    fileprivate mutating func argument(_ key: LedgerKey, keys: RedisKeys) {
        switch key {
        case .idempotency(let text): argument(keys.idempotency, text)
        case .command(let id): argument(keys.command, id.rawValue)
        }
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol

@testable import SwitchboardRedis

/// The store's calls that take a completion, for tests that wait.
extension RedisBackplane {
    func enqueue(_ push: BusPush, _ limits: MailboxLimits = .none) async throws -> Enqueued {
        try await store.enqueue(push, limits: limits)
    }

    /// Enqueues a push that must be kept.
    ///
    /// - Returns: The push with its place.
    @discardableResult
    func keep(_ push: BusPush, _ limits: MailboxLimits = .none) async throws -> BusPush {
        guard case .stored(let place, _, _, _, _) = try await enqueue(push, limits) else {
            throw BusError.unavailable("\(push.id) was not kept")
        }
        return push.placed(place)
    }

    func mail(
        of client: ClientID, after offset: StreamOffset? = nil, limit: Int = 1000, bytes: Int = 1 << 24
    ) async throws -> MailPage {
        try await store.mail(of: client, after: offset, limit: limit, bytes: bytes)
    }

    @discardableResult
    func acknowledge(_ client: ClientID, upTo offset: StreamOffset?) async throws -> [AckedPush] {
        try await store.acknowledge(client, upTo: offset ?? .zero)
    }

    /// - Returns: The push with its place.
    @discardableResult
    func append(_ push: BusPush, limit: Int = 0) async throws -> BusPush {
        let (place, _) = try await store.append(push, limit: limit)
        return push.placed(place)
    }

    func history(of channel: String, after offset: HistoryOffset?, limit: Int = 300) async throws -> HistoryPage {
        try await store.history(of: channel, after: offset, limit: limit)
    }

    func claim(_ key: LedgerKey, _ value: String, seconds: Int = 60) async throws -> String? {
        try await store.claim(key, ByteBuffer(string: value), seconds: seconds).map { String(buffer: $0) }
    }

    func write(_ key: LedgerKey, _ value: String, seconds: Int = 60) async throws {
        try await store.write(key, ByteBuffer(string: value), seconds: seconds)
    }

    func barrier() async throws {
        try await bus.barrier()
    }
}

extension MailboxLimits {
    static let none = MailboxLimits(pushes: 0, bytes: 0, overflow: .refuse)
}

extension BusPush {
    func placed(_ place: Place) -> BusPush {
        var push = self
        push.durable?.place = place
        return push
    }

    var place: Place? { durable?.place }
    var offset: StreamOffset? { place?.offset }

    var historyOffset: HistoryOffset? {
        place.flatMap { place in place.epoch.map { HistoryOffset(epoch: $0, offset: place.offset) } }
    }
}

/// - Parameter lifetime: Seconds.
func durable(
    _ id: String, to target: Target = .client(client("a")), _ bytes: ByteBuffer = ByteBuffer(string: "x"),
    lifetime: Double = 60, collapse: String? = nil, waits: Bool = false
) -> BusPush {
    BusPush(
        id: PushID(unchecked: id), target: target, payload: Payload(format: .binary, bytes: bytes),
        origin: node("n1"), ticket: 42, acceptedAt: 1_700_000_000_123, waits: waits,
        durable: BusPush.Durable(
            expiresAt: WallClock.milliseconds() + UInt64(lifetime * 1000), collapse: collapse))
}

/// Bytes that are neither text nor JSON, with newlines and NULs.
func strangeBytes(_ count: Int) -> ByteBuffer {
    ByteBuffer(bytes: (0..<count).map { index in [0, 0x0A, 0x0D, 0x7B, 0x22, UInt8(index & 0xFF)][index % 6] })
}

extension PlainRedis {
    /// The names of all keys.
    func allKeys() async throws -> Set<String> {
        Set(try await self("KEYS", "*").elements?.compactMap(\.text) ?? [])
    }

    /// Calls and microseconds of each command since the last `CONFIG RESETSTAT`.
    func commandStatistics() async throws -> [String: (calls: Int, microseconds: Int)] {
        var statistics: [String: (calls: Int, microseconds: Int)] = [:]
        for line in try await self("INFO", "commandstats").text?.split(whereSeparator: \.isNewline) ?? [] {
            let parts = line.split(whereSeparator: { ":=,".contains($0) })
            guard parts.count > 4, let calls = Int(parts[2]), let microseconds = Int(parts[4]) else { continue }
            statistics[String(parts[0].dropFirst("cmdstat_".count))] = (calls, microseconds)
        }
        return statistics
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

/// The store's calls that take a completion, for tests that wait.
extension Node {
    func enqueue(_ push: BusPush, _ limits: MailboxLimits = .none) async throws -> Enqueued {
        try await store.enqueue(push, limits: limits)
    }

    /// Enqueues a push that must be kept.
    ///
    /// - Returns: The push with its place, and the number of nodes it was sent to.
    func keep(
        _ push: BusPush, _ limits: MailboxLimits = .none, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> (push: BusPush, nodes: Int) {
        let outcome = try await enqueue(push, limits)
        guard case .stored(let place, let nodes, collapsed: nil, displaced: [], _) = outcome else {
            Issue.record("\(push.id): \(outcome)", sourceLocation: sourceLocation)
            throw BusError.unavailable("\(push.id) was not kept")
        }
        return (push.placed(place), nodes)
    }

    func mail(
        of client: ClientID, after offset: StreamOffset? = nil, limit: Int = 1000, bytes: Int = 1 << 24
    ) async throws -> MailPage {
        try await store.mail(of: client, after: offset, limit: limit, bytes: bytes)
    }

    func acknowledge(_ client: ClientID, upTo offset: StreamOffset) async throws -> [AckedPush] {
        try await store.acknowledge(client, upTo: offset)
    }

    func append(_ push: BusPush, limit: Int = 0) async throws -> (place: BusPush.Place, nodes: Int) {
        try await store.append(push, limit: limit)
    }

    func history(of channel: String, after offset: HistoryOffset?, limit: Int = 300) async throws -> HistoryPage {
        try await store.history(of: channel, after: offset, limit: limit)
    }

    func newestHistory(of channel: String, limit: Int) async throws -> HistoryPage {
        try await store.newestHistory(of: channel, limit: limit)
    }

    func claim(_ key: LedgerKey, _ value: String, seconds: Int = 60) async throws -> String? {
        let present = try await store.claim(key, ByteBuffer(string: value), seconds: seconds)
        return present.map { String(buffer: $0) }
    }

    func write(_ key: LedgerKey, _ value: String, seconds: Int = 60) async throws {
        try await store.write(key, ByteBuffer(string: value), seconds: seconds)
    }

    func read(_ key: LedgerKey) async throws -> String? {
        let value = try await store.read(key)
        return value.map { String(buffer: $0) }
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

    var offset: StreamOffset? { durable?.place?.offset }
    var place: Place? { durable?.place }
}

/// - Parameter lifetime: Seconds.
func durablePush(
    _ text: String, to target: Target, id: String? = nil, lifetime: Double = 60, collapse: String? = nil,
    waits: Bool = false
) -> BusPush {
    BusPush(
        id: PushID(unchecked: id ?? text), target: target,
        payload: Payload(format: .text, bytes: ByteBuffer(string: text)), origin: NodeID(unchecked: "n1"), ticket: 42,
        acceptedAt: 1_700_000_000_123, waits: waits,
        durable: BusPush.Durable(
            expiresAt: WallClock.milliseconds() + UInt64(lifetime * 1000), collapse: collapse))
}

/// Waits until the push's time is up.
func expiry(of push: BusPush) async throws {
    guard let expiresAt = push.durable?.expiresAt else { return }
    while case let now = WallClock.milliseconds(), now <= expiresAt {
        try await Task.sleep(for: .milliseconds(expiresAt - now + 1))
    }
}

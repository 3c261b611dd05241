import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardServer

@Suite struct WebhookRecorderTests {
    private let store = UnreliableWebhooks()
    private let rings = Gauge()
    private var recorder: WebhookRecorder {
        let rings = rings
        return WebhookRecorder(
            store: store, limits: WebhookLimits(events: 0, bytes: 0),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, ring: { rings.increment() })
    }

    private func event(_ kind: WebhookKind) -> WebhookEvent {
        WebhookEvent(kind: kind, client: client("c"), document: ByteBuffer(string: "{}"))
    }

    private let session = WebhookSession(
        client: client("c"), session: SessionID(unchecked: "S"), node: NodeID(unchecked: "n1"), epoch: 1, connectedAt: 1
    )

    @Test("What is added rings") func ringing() {
        let recorder = recorder
        recorder.record(.event(event(.pushExpired)))
        recorder.connected(session, event(.connected))
        recorder.connected(session, event(.connected))
        #expect(rings.value == 2)
    }

    @Test("What the store does not take is written when it is back, once") func retries() async throws {
        let recorder = recorder
        recorder.connected(session, nil)
        store.isAway = true
        recorder.record(.event(event(.pushExpired)))
        recorder.record(.lost(SessionLoss(client: client("c"), session: session.session, diedAt: 1), grace: 0))
        // A newer one comes soon.
        recorder.record(.event(event(.health)))
        #expect(recorder.waiting == 2)
        recorder.flush()
        #expect(recorder.waiting == 2)
        store.isAway = false
        recorder.flush()
        recorder.flush()
        #expect(recorder.waiting == 0)
        let status = try await store.status()
        #expect((status.waiting, status.losses) == (1, 1))
    }

    @Test("A session that could not be announced makes all be announced again") func incomplete() {
        let recorder = recorder
        #expect(!recorder.takeIncomplete())
        store.isAway = true
        recorder.connected(session, event(.connected))
        #expect(recorder.takeIncomplete())
        #expect(!recorder.takeIncomplete())
        #expect(recorder.waiting == 0)
    }

    @Test("What is kept is bounded") func bounded() {
        let recorder = recorder
        store.isAway = true
        for _ in 0..<100_010 { recorder.record(.event(event(.pushExpired))) }
        #expect(recorder.waiting == 100_000)
    }
}

/// Those of a cluster within this process, which can be away.
final class UnreliableWebhooks: WebhookStore {
    private let inner = InProcessCluster().makeNode(NodeID(unchecked: "n1")).store.webhooks
    private let away = Atomic(false)

    var isAway: Bool {
        get { away.load(ordering: .relaxed) }
        set { away.store(newValue, ordering: .relaxed) }
    }

    private static let error = BusError.unavailable("away")

    func connected(
        _ session: WebhookSession, event: WebhookEvent?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<Bool, BusError>) -> Void
    ) {
        if isAway { return completion(.failure(Self.error)) }
        inner.connected(session, event: event, limits: limits, completion: completion)
    }

    func lost(_ loss: SessionLoss, grace: Int, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        if isAway { return completion(.failure(Self.error)) }
        inner.lost(loss, grace: grace, completion: completion)
    }

    func append(
        _ event: WebhookEvent, messageID: String?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<WebhookAppended, BusError>) -> Void
    ) {
        if isAway { return completion(.failure(Self.error)) }
        inner.append(event, messageID: messageID, limits: limits, completion: completion)
    }

    func lost(_ losses: [SessionLoss], grace: Int) async throws { try await inner.lost(losses, grace: grace) }
    func overdue(limit: Int) async throws -> [OverdueLoss] { try await inner.overdue(limit: limit) }
    func disconnected(_ losses: [(loss: OverdueLoss, event: WebhookEvent?)], limits: WebhookLimits) async throws -> Int
    { try await inner.disconnected(losses, limits: limits) }
    func claim(_ terms: WebhookTerms) async throws -> WebhookClaim { try await inner.claim(terms) }
    func settle(_ settlement: WebhookSettlement) async throws { try await inner.settle(settlement) }
    func status() async throws -> WebhookStatus { try await inner.status() }
    func dead(limit: Int, after cursor: StreamOffset?) async throws -> [DeadWebhook] {
        try await inner.dead(limit: limit, after: cursor)
    }
    func replay(_ ids: [StreamOffset]?) async throws -> Int { try await inner.replay(ids) }
    func forget(_ ids: [StreamOffset]?) async throws -> Int { try await inner.forget(ids) }
}

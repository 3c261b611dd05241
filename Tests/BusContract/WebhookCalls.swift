import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

/// The calls for webhooks, for tests that wait.
extension Node {
    func webhookSession(
        _ name: String, epoch: UInt64 = 1, connectedAt: UInt64 = 1_700_000_000_000
    ) -> WebhookSession {
        WebhookSession(client: client(name), session: .random(), node: id, epoch: epoch, connectedAt: connectedAt)
    }

    /// - Returns: Whether the client is new.
    @discardableResult
    func announce(
        _ session: WebhookSession, _ text: String?, limits: WebhookLimits = .none
    ) async throws -> Bool {
        let event = text.map {
            WebhookEvent(kind: .connected, client: session.client, document: ByteBuffer(string: $0))
        }
        return try await withCheckedThrowingContinuation { continuation in
            store.webhooks.connected(session, event: event, limits: limits) { continuation.resume(with: $0) }
        }
    }

    @discardableResult
    func lose(_ loss: SessionLoss, grace: Int) async throws -> Bool {
        try await withCheckedThrowingContinuation { continuation in
            store.webhooks.lost(loss, grace: grace) { continuation.resume(with: $0) }
        }
    }

    /// Waits until that many losses are overdue.
    func overdue(_ count: Int) async throws -> [OverdueLoss] {
        try await eventually {
            try await store.webhooks.overdue(limit: 100)
        } until: {
            $0.count >= count
        }
    }

    func tell(_ loss: OverdueLoss, _ text: String, limits: WebhookLimits = .none) async throws -> Int {
        let event = WebhookEvent(
            kind: .disconnected, client: loss.session.client, document: ByteBuffer(string: text))
        return try await store.webhooks.disconnected([(loss, event)], limits: limits)
    }

    func add(
        _ text: String, client name: String = "c", kind: WebhookKind = .message, messageID: String? = nil,
        limits: WebhookLimits = .none
    ) async throws -> WebhookAppended {
        let event = WebhookEvent(kind: kind, client: client(name), document: ByteBuffer(string: text))
        return try await withCheckedThrowingContinuation { continuation in
            store.webhooks.append(event, messageID: messageID, limits: limits) { continuation.resume(with: $0) }
        }
    }

    func claim(
        events: Int = 100, bytes: Int = 1 << 20, requests: Int = 8, lease: Int = 60_000, patience: Int = 3_600_000
    ) async throws -> WebhookClaim {
        try await store.webhooks.claim(
            WebhookTerms(
                token: SessionID.random().rawValue, lease: lease, events: events, bytes: bytes, requests: requests,
                patience: patience))
    }

    func deliver(_ claim: WebhookClaim) async throws {
        try await store.webhooks.settle(
            WebhookSettlement(
                claim, entries: claim.events.map { .init(event: $0, outcome: .delivered) }, trouble: nil))
    }

    func fail(_ claim: WebhookClaim, again: Int, isRefusal: Bool = false, pause: Int = 0) async throws {
        try await store.webhooks.settle(
            WebhookSettlement(
                claim, entries: claim.events.map { .init(event: $0, outcome: .again(after: again)) },
                trouble: "HTTP 500", isRefusal: isRefusal, pause: pause))
    }

    func giveUp(_ claim: WebhookClaim) async throws {
        try await store.webhooks.settle(
            WebhookSettlement(
                claim, entries: claim.events.map { .init(event: $0, outcome: .givenUp) },
                trouble: "HTTP 410"))
    }

    /// Everything that is due now.
    func documents() async throws -> [String] {
        let claim = try await claim(events: 1000)
        try await deliver(claim)
        return claim.texts
    }
}

extension WebhookClaim {
    var texts: [String] { events.map { String(buffer: $0.document) } }
}

extension WebhookSession {
    var loss: SessionLoss { SessionLoss(client: client, session: session, diedAt: connectedAt + 1000) }
}

extension WebhookLimits {
    static let none = WebhookLimits(events: 0, bytes: 0)
}

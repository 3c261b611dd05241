import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The webhook events of a cluster in Redis: what each script takes and does is said in its file.
final class RedisWebhooks: WebhookStore {
    let link: RedisLink

    init(link: RedisLink) { self.link = link }

    var keys: WebhookKeys { link.keys.webhooks }

    func connected(
        _ session: WebhookSession, event: WebhookEvent?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<Bool, BusError>) -> Void
    ) {
        let keys = self.keys
        let lane = WebhookLane.of(session.client)
        link.run(.webhookConnected, keys: WebhookKeys.common + 1, arguments: 11) { buffer in
            buffer.webhookKeys(keys, lane: lane)
            buffer.event(event, lane: lane, limits)
            buffer.argument(session.client.rawValue)
            buffer.argument(session.session.rawValue)
            buffer.argument(Int(session.epoch))
            buffer.argument(Int(session.connectedAt))
            buffer.argument(session.node.rawValue)
        } completion: {
            completion($0.map { $0 == .integer(1) })
        }
    }

    func lost(_ loss: SessionLoss, grace: Int, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        let keys = self.keys
        link.run(.webhookLost, keys: WebhookKeys.common, arguments: 4) { buffer in
            buffer.loss(loss, grace: grace, keys)
        } completion: {
            completion($0.map { $0 == .integer(1) })
        }
    }

    func lost(_ losses: [SessionLoss], grace: Int) async throws {
        let keys = self.keys
        _ = try await link.runEach(.webhookLost, times: losses.count, keys: WebhookKeys.common, arguments: 4) {
            $0.loss(losses[$1], grace: grace, keys)
        }
    }

    func overdue(limit: Int) async throws -> [OverdueLoss] {
        let keys = self.keys
        let reply = try await link.run(.webhookOverdue, keys: WebhookKeys.common, arguments: 1) { buffer in
            buffer.webhookKeys(keys)
            buffer.argument(limit)
        }
        guard let elements = reply.elements else { throw BusError.unexpectedReply(to: .webhookOverdue) }
        return stride(from: 0, to: elements.count - 1, by: 2).compactMap { index in
            OverdueLoss(client: elements[index].text, entry: elements[index + 1].text)
        }
    }

    func disconnected(_ losses: [(loss: OverdueLoss, event: WebhookEvent?)], limits: WebhookLimits) async throws -> Int
    {
        let keys = self.keys
        let replies = try await link.runEach(
            .webhookDisconnected, times: losses.count, keys: WebhookKeys.common + 1, arguments: 8
        ) { buffer, index in
            let session = losses[index].loss.session
            let lane = WebhookLane.of(session.client)
            buffer.webhookKeys(keys, lane: lane)
            buffer.event(losses[index].event, lane: lane, limits)
            buffer.argument(session.client.rawValue)
            buffer.argument(session.session.rawValue)
        }
        return replies.count { $0 == .integer(1) }
    }

    func append(
        _ event: WebhookEvent, messageID: String?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<WebhookAppended, BusError>) -> Void
    ) {
        let keys = self.keys
        let lane = WebhookLane.of(event.client)
        let count = WebhookKeys.common + (messageID == nil ? 1 : 2)
        link.run(.webhookAppend, keys: count, arguments: 8) { buffer in
            buffer.webhookKeys(keys, lane: lane)
            if let messageID { buffer.argument(keys.messageID, "\(event.client.rawValue)/\(messageID)") }
            buffer.argument(lane)
            buffer.argument(event.document)
            buffer.argument(event.kind.isRefusable ? 1 : 0)
            buffer.limits(limits)
            buffer.argument(UpstreamMessage.idLifetime)
        } completion: { result in
            completion(
                result.flatMap { reply in
                    switch reply {
                    case .integer(1): .success(.waits)
                    case .integer(0): .success(.givenUp)
                    case .integer(-1): .success(.refused)
                    case .integer(2): .success(.known)
                    default: .failure(.unexpectedReply(to: .webhookAppend))
                    }
                })
        }
    }
}

extension CommandBuffer {
    fileprivate mutating func event(_ event: WebhookEvent?, lane: Int, _ limits: WebhookLimits) {
        argument(lane)
        if let event { argument(event.document) } else { argument("" as StaticString) }
        self.limits(limits)
    }

    private mutating func limitsOfDead() {
        argument(DeadWebhook.limits.events)
        argument(DeadWebhook.limits.bytes)
    }

    fileprivate mutating func limits(_ limits: WebhookLimits) {
        argument(limits.events)
        argument(limits.bytes)
        limitsOfDead()
    }

    fileprivate mutating func loss(_ loss: SessionLoss, grace: Int, _ keys: WebhookKeys) {
        webhookKeys(keys)
        argument(loss.client.rawValue)
        argument(loss.session.rawValue)
        argument(max(0, grace))
        argument("\(loss.at) \(loss.closeCode) \(loss.isLost ? 1 : 0) \(loss.reason)")
    }
}

extension OverdueLoss {
    /// - Parameter entry: `SESSION EPOCH CONNECTED NODE AT CODE LOST REASON`.
    fileprivate init?(client: String?, entry: String?) {
        guard let client,
            let words = entry?.split(separator: " ", maxSplits: 7, omittingEmptySubsequences: false), words.count == 8,
            let epoch = UInt64(words[1]), let connectedAt = UInt64(words[2]), let at = UInt64(words[4]),
            let code = UInt16(words[5])
        else { return nil }
        let id = ClientID(unchecked: client)
        let session = SessionID(unchecked: String(words[0]))
        self.init(
            session: WebhookSession(
                client: id, session: session, node: NodeID(unchecked: String(words[3])), epoch: epoch,
                connectedAt: connectedAt),
            loss: SessionLoss(
                client: id, session: session, at: at, closeCode: code, reason: String(words[7]),
                isLost: words[6] == "1"))
    }
}

import NIOCore
import SwitchboardCore

extension RedisWebhooks {
    /// What one call of a script replays or forgets.
    private static let replayed = 100

    func claim(_ terms: WebhookTerms) async throws -> WebhookClaim {
        let keys = self.keys
        let reply = try await link.run(.webhookClaim, keys: WebhookKeys.all, arguments: 8) { buffer in
            buffer.allWebhookKeys(keys)
            buffer.argument(terms.token)
            buffer.argument(terms.lease)
            buffer.argument(terms.events)
            buffer.argument(terms.bytes)
            buffer.argument(terms.requests)
            buffer.argument(terms.patience)
            buffer.argument(DeadWebhook.limits.events)
            buffer.argument(DeadWebhook.limits.bytes)
        }
        guard let elements = reply.elements, elements.count == 3, let now = elements[0].integer,
            let failures = elements[1].integer, let entries = elements[2].elements
        else { throw BusError.unexpectedReply(to: .webhookClaim) }
        let events = stride(from: 0, to: entries.count - 4, by: 5).compactMap { index -> ClaimedWebhook? in
            guard let id = entries[index].offset, let lane = entries[index + 1].integer,
                case .bulk(let document) = entries[index + 2], let attempts = entries[index + 3].integer,
                let refusals = entries[index + 4].integer
            else { return nil }
            return ClaimedWebhook(id: id, lane: lane, document: document, attempts: attempts, refusals: refusals)
        }
        return WebhookClaim(
            token: terms.token, events: events, now: UInt64(max(0, now)), failures: failures)
    }

    func settle(_ settlement: WebhookSettlement) async throws {
        let keys = self.keys
        _ = try await link.run(
            .webhookSettle, keys: WebhookKeys.all, arguments: 8 + 3 * settlement.entries.count
        ) { buffer in
            buffer.allWebhookKeys(keys)
            buffer.argument(settlement.token)
            buffer.argument(settlement.trouble ?? "")
            buffer.argument(settlement.isRefusal ? 1 : 0)
            buffer.argument(settlement.pause)
            buffer.argument(DeadWebhook.limits.events)
            buffer.argument(DeadWebhook.limits.bytes)
            buffer.argument(settlement.failures)
            buffer.argument(Int(settlement.claimedAt))
            for entry in settlement.entries {
                buffer.argument(entry.event.id.description)
                buffer.argument(entry.event.lane)
                switch entry.outcome {
                case .delivered: buffer.argument("ok" as StaticString)
                case .givenUp: buffer.argument("dead" as StaticString)
                case .again(let after): buffer.argument(max(0, after))
                }
            }
        }
    }

    func status() async throws -> WebhookStatus {
        let replies = try await link.batch(6) { buffer, _, index in
            switch index {
            case 0: buffer.words("XLEN", keys.queue)
            case 1: buffer.words("XLEN", keys.dead)
            case 2: buffer.words("HLEN", keys.live)
            case 3: buffer.words("ZCARD", keys.losses)
            case 4:
                buffer.command(arguments: 6)
                buffer.argument("XRANGE" as StaticString)
                buffer.argument(keys.queue)
                for word in ["-", "+", "COUNT", "1"] { buffer.argument(word) }
            default: buffer.words("HGETALL", keys.state)
            }
        }
        for case .error(let text) in replies { throw BusError(reply: text) }
        var status = WebhookStatus(fields: replies[5].elements ?? [])
        status.waiting = replies[0].integer ?? 0
        status.dead = replies[1].integer ?? 0
        status.live = replies[2].integer ?? 0
        status.losses = replies[3].integer ?? 0
        status.oldest = replies[4].elements?.first?.elements?.first?.offset?.milliseconds
        return status
    }

    func dead(limit: Int, after cursor: StreamOffset?) async throws -> [DeadWebhook] {
        let replies = try await link.batch(1) { buffer, _, _ in
            buffer.command(arguments: 6)
            buffer.argument("XRANGE" as StaticString)
            buffer.argument(keys.dead)
            buffer.argument(cursor.map { "(\($0)" } ?? "-")
            buffer.argument("+" as StaticString)
            buffer.argument("COUNT" as StaticString)
            buffer.argument(limit)
        }
        if case .error(let text) = replies[0] { throw BusError(reply: text) }
        return (replies[0].elements ?? []).compactMap { DeadWebhook($0) }
    }

    func replay(_ ids: [StreamOffset]?) async throws -> Int { try await take(ids, isReplay: true) }

    func forget(_ ids: [StreamOffset]?) async throws -> Int { try await take(ids, isReplay: false) }

    private func take(_ ids: [StreamOffset]?, isReplay: Bool) async throws -> Int {
        var count = 0
        guard let ids else {
            // What is given up meanwhile stays, so that this ends.
            guard let last = try await newestDead() else { return 0 }
            while true {
                let taken = try await take(["up to", last, "\(Self.replayed)"], isReplay: isReplay)
                count += taken
                if taken == 0 { return count }
            }
        }
        for start in stride(from: 0, to: ids.count, by: Self.replayed) {
            let part = ids[start..<min(start + Self.replayed, ids.count)].map(\.description)
            count += try await take(part, isReplay: isReplay)
        }
        return count
    }

    private func take(_ words: [String], isReplay: Bool) async throws -> Int {
        let keys = self.keys
        let reply = try await link.run(.webhookReplay, keys: WebhookKeys.all, arguments: 1 + words.count) { buffer in
            buffer.allWebhookKeys(keys)
            buffer.argument(isReplay ? 1 : 0)
            for word in words { buffer.argument(word) }
        }
        guard let count = reply.integer else { throw BusError.unexpectedReply(to: .webhookReplay) }
        return count
    }

    private func newestDead() async throws -> String? {
        let replies = try await link.batch(1) { buffer, _, _ in
            buffer.command(arguments: 6)
            buffer.argument("XREVRANGE" as StaticString)
            buffer.argument(keys.dead)
            for word in ["+", "-", "COUNT", "1"] { buffer.argument(word) }
        }
        if case .error(let text) = replies[0] { throw BusError(reply: text) }
        return replies[0].elements?.first?.elements?.first?.text
    }
}

extension CommandBuffer {
    fileprivate mutating func words(_ name: StaticString, _ key: String) {
        command(arguments: 2)
        argument(name)
        argument(key)
    }
}

extension WebhookStatus {
    /// - Parameter fields: Names and values of the state.
    fileprivate init(fields: [RESPReply]) {
        self.init()
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let value = fields[index + 1]
            let number = value.integer ?? 0
            switch fields[index].text {
            case "bytes": bytes = number
            case "deadBytes": deadBytes = number
            case "delivered": delivered = number
            case "refused": refused = number
            case "forgotten": forgotten = number
            case "failures": failures = number
            case "paused": if number > Int(WallClock.milliseconds()) { pausedUntil = UInt64(number) }
            case "trouble": trouble = value.text
            case "troubleAt": troubleAt = UInt64(max(0, number))
            default: break
            }
        }
    }
}

extension DeadWebhook {
    /// An entry of the stream, with the fields lane, added, attempts, reason and event.
    fileprivate init?(_ reply: RESPReply) {
        guard let parts = reply.elements, parts.count == 2, let id = parts[0].offset, let fields = parts[1].elements,
            fields.count == 10, let lane = fields[1].integer, let added = fields[3].integer,
            let attempts = fields[5].integer, let reason = fields[7].text, case .bulk(let document) = fields[9]
        else { return nil }
        self.init(
            id: id, lane: lane, addedAt: UInt64(max(0, added)), attempts: attempts, reason: reason, document: document)
    }
}

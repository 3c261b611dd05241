import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol

extension RedisStore {
    public func enqueue(
        _ push: BusPush, limits: MailboxLimits, completion: @escaping @Sendable (Result<Enqueued, BusError>) -> Void
    ) {
        guard case .client(let client) = push.target, let durable = push.durable else {
            return completion(.failure(.unavailable("only a durable push to one client can be put into a mailbox")))
        }
        let call = EnqueueCall(push, durable, client: client.rawValue, limits: limits)
        enqueue(call, isClean: false) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(.done(let outcome)): completion(.success(outcome))
            case .success(.makeRoom):
                expire(client) { [self] result in
                    switch result {
                    case .failure(let error): completion(.failure(error))
                    case .success(let expired):
                        keep(expired.pushes)
                        enqueue(call, isClean: true) { completion($0.flatMap(\.outcome)) }
                    }
                }
            }
        }
    }

    /// - Parameter isClean: The expired entries are removed already.
    private func enqueue(
        _ call: EnqueueCall, isClean: Bool, completion: @escaping @Sendable (Result<EnqueueReply, BusError>) -> Void
    ) {
        let (keys, configuration) = (self.keys, link.configuration)
        link.run(.enqueue, keys: 3, arguments: 12) { buffer in
            buffer.argument(keys.mailbox, call.client)
            buffer.argument(keys.mailboxIndex, call.client)
            buffer.argument(keys.client, call.client)
            buffer.argument(keys.nodeChannelHead)
            buffer.argument(configuration.routing == .shared ? keys.push : "")
            buffer.argument(call.message)
            buffer.argument(call.id)
            buffer.argument(call.expiresAt)
            buffer.argument(call.bytes)
            buffer.argument(call.waiter)
            buffer.argument(call.collapse)
            buffer.argument(call.limits.pushes)
            buffer.argument(call.limits.bytes)
            buffer.argument(call.limits.overflow == .refuse ? "refuse" as StaticString : "displace")
            buffer.argument(isClean ? 1 : 0)
        } completion: { [self] result in
            // Where the push takes another way than the note below, it may have been overtaken by it.
            if configuration.writesApart, case .success = result { noteExpiry(call.expiresAt, of: call.client) }
            completion(result.flatMap(EnqueueReply.parse))
        }
        noteExpiry(call.expiresAt, of: call.client)
    }

    /// Has the mailbox cleaned at that time. Sent behind the push: a node that cleans the mailbox at the same moment either sees
    /// the push or does not undo this.
    func noteExpiry(_ time: Int, of client: String) {
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 5)
            buffer.argument("ZADD" as StaticString)
            buffer.argument(self.keys.mailboxes)
            buffer.argument("LT" as StaticString)
            buffer.argument(time)
            buffer.argument(client)
        }
    }

    public func mail(
        of client: ClientID, after offset: StreamOffset?, limit: Int, bytes: Int,
        completion: @escaping @Sendable (Result<MailPage, BusError>) -> Void
    ) {
        mail(
            of: client, from: offset.map { "(\($0)" } ?? "-", limit: limit,
            // A page must not be longer than a reply may be.
            bytes: min(bytes, link.configuration.messageLimit / 2), expired: [], completion: completion)
    }

    /// - Parameter expired: What was found expired up to here.
    private func mail(
        of client: ClientID, from start: String, limit: Int, bytes: Int, expired: [ExpiredPush],
        completion: @escaping @Sendable (Result<MailPage, BusError>) -> Void
    ) {
        // The last offset there can be has nothing behind it, which Redis takes for an error.
        guard start != "(\(UInt64.max)-\(UInt64.max)" else {
            return completion(.success(MailPage(pushes: [], expired: [], hasMore: false)))
        }
        let keys = self.keys
        link.run(.mail, keys: 2, arguments: 3) { buffer in
            buffer.argument(keys.mailbox, client.rawValue)
            buffer.argument(keys.mailboxIndex, client.rawValue)
            buffer.argument(start)
            buffer.argument(limit)
            buffer.argument(bytes)
        } completion: { [self] result in
            switch result.flatMap({ MailReply.parse($0, of: client, drops: link.drops) }) {
            case .failure(let error): completion(.failure(error))
            case .success(let reply):
                let expired = expired + reply.page.expired
                // All that was looked at had expired.
                if reply.page.pushes.isEmpty, reply.page.hasMore {
                    return mail(
                        of: client, from: "(\(reply.end)", limit: limit, bytes: bytes, expired: expired,
                        completion: completion)
                }
                var page = reply.page
                page.expired = expired
                completion(.success(page))
            }
        }
    }

    public func acknowledge(
        _ client: ClientID, upTo offset: StreamOffset,
        completion: @escaping @Sendable (Result<[AckedPush], BusError>) -> Void
    ) {
        acknowledge(client, upTo: offset.description, behind: [], completion: completion)
    }

    /// - Parameter acked: What was removed already.
    func acknowledge(
        _ client: ClientID, upTo offset: String, behind acked: [AckedPush],
        completion: @escaping @Sendable (Result<[AckedPush], BusError>) -> Void
    ) {
        let keys = self.keys
        link.run(.ack, keys: 2, arguments: 1) { buffer in
            buffer.argument(keys.mailbox, client.rawValue)
            buffer.argument(keys.mailboxIndex, client.rawValue)
            buffer.argument(offset)
        } completion: { [self] result in
            switch result.flatMap(AckReply.parse) {
            // Whoever waits for what was removed must hear of it; the next ack takes the rest along.
            case .failure where !acked.isEmpty: completion(.success(acked))
            case .failure(let error): completion(.failure(error))
            case .success(let reply):
                let acked = acked.isEmpty ? reply.pushes : acked + reply.pushes
                guard reply.hasMore else { return completion(.success(acked)) }
                acknowledge(client, upTo: offset, behind: acked, completion: completion)
            }
        }
    }
}

/// A push on its way into a mailbox, as the script takes it.
private struct EnqueueCall: Sendable {
    /// Redis computes with doubles, which hold whole numbers up to here.
    private static let latestExpiry: UInt64 = 1 << 52

    let client: String
    let message: ByteBuffer
    let id: String
    let expiresAt: Int
    let bytes: Int
    /// Who waits for the ack: node and ticket; empty when nobody does.
    let waiter: String
    let collapse: String
    let limits: MailboxLimits

    init(_ push: BusPush, _ durable: BusPush.Durable, client: String, limits: MailboxLimits) {
        self.client = client
        message = BusCodec.encode(.push(push))
        id = push.id.rawValue
        expiresAt = Int(min(durable.expiresAt, Self.latestExpiry))
        bytes = push.payload.bytes.readableBytes
        waiter = push.waits ? push.origin.map { "\($0) \(push.ticket)" } ?? "" : ""
        collapse = durable.collapse ?? ""
        self.limits = limits
    }
}

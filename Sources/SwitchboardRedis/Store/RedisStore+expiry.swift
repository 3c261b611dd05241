import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol
import Synchronization

extension RedisStore {
    /// Mailboxes that are cleaned at the same time.
    private static let mailboxesAtOnce = 100
    /// A call of ``expireMail()`` that has found so many leaves the rest to the next.
    private static let manyExpired = 10_000
    /// Milliseconds after which another node cleans a mailbox that this one has not finished.
    private static let cleaningTime = 60_000
    /// Expired pushes that wait to be told of; beyond it they are removed without a word.
    private static let maximumUntold = 100_000

    public func mailboxSize(of client: ClientID) async throws -> MailboxSize {
        keep(try await expire(client).pushes)
        let replies = try await link.batch(2) { buffer, _, index in
            if index == 0 {
                buffer.command(arguments: 2)
                buffer.argument("XLEN" as StaticString)
                buffer.argument(self.keys.mailbox, client.rawValue)
            } else {
                buffer.mailboxIndex("bytes", of: client, keys: self.keys)
            }
        }
        for case .error(let text) in replies { throw BusError(reply: text) }
        let pushes = replies[0].integer ?? 0
        return MailboxSize(pushes: pushes, bytes: pushes > 0 ? replies[1].integer ?? 0 : 0)
    }

    public func cancel(_ push: PushID, for client: ClientID) async throws -> Bool {
        let keys = self.keys
        var start = "-"
        var isFound = false
        while true {
            let from = start
            let reply = try await link.run(.cancel, keys: 2, arguments: 2) { buffer in
                buffer.argument(keys.mailbox, client.rawValue)
                buffer.argument(keys.mailboxIndex, client.rawValue)
                buffer.argument(push.rawValue)
                buffer.argument(from)
            }
            guard let elements = reply.elements, elements.count == 2, let removed = elements[0].integer,
                let end = elements[1].text
            else { throw BusError.unexpectedReply(to: .cancel) }
            isFound = isFound || removed > 0
            if end.isEmpty { return isFound }
            start = "(\(end)"
        }
    }

    /// What comes while this is under way stays.
    public func emptyMailbox(of client: ClientID) async throws -> [PushID] {
        keep(try await expire(client).pushes)
        let reply = try await link.batch(1) { buffer, _, _ in
            buffer.mailboxIndex("last", of: client, keys: self.keys)
        }
        if case .error(let text) = reply[0] { throw BusError(reply: text) }
        guard let last = reply[0].text else { return [] }
        return try await withCheckedThrowingContinuation { continuation in
            acknowledge(client, upTo: last, behind: []) { continuation.resume(with: $0) }
        }.map(\.id)
    }

    public func expireMail() async throws -> [ExpiredPush] {
        var expired = untold.withLock { untold in
            defer { untold = [] }
            return untold
        }
        var clients: [ClientID]
        repeat {
            do {
                clients = try await dueMailboxes()
            } catch {
                // What is removed already must be told.
                if expired.isEmpty { throw error }
                return expired
            }
            expired += await withTaskGroup(of: [ExpiredPush].self) { [clients] tasks in
                for client in clients { tasks.addTask { [self] in await clean(client) } }
                return await tasks.reduce(into: []) { $0 += $1 }
            }
        } while clients.count == Self.mailboxesAtOnce && expired.count < Self.manyExpired
        return expired
    }

    private func dueMailboxes() async throws -> [ClientID] {
        let keys = self.keys
        let reply = try await link.run(.due, keys: 2, arguments: 2) { buffer in
            buffer.argument(keys.mailboxes)
            buffer.argument(keys.mailboxesInWork)
            buffer.argument(Self.mailboxesAtOnce)
            buffer.argument(Self.cleaningTime)
        }
        return (reply.elements ?? []).compactMap { $0.text.map(ClientID.init(unchecked:)) }
    }

    /// When it fails the mailbox is due again after ``cleaningTime``.
    private func clean(_ client: ClientID) async -> [ExpiredPush] {
        guard let expired = try? await expire(client) else { return [] }
        if let next = expired.nextExpiry { noteExpiry(next, of: client.rawValue) }
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument("ZREM" as StaticString)
            buffer.argument(self.keys.mailboxesInWork)
            buffer.argument(client.rawValue)
        }
        return expired.pushes
    }

    /// Remembers expired pushes until ``expireMail()`` tells of them.
    func keep(_ expired: [ExpiredPush]) {
        guard !expired.isEmpty else { return }
        untold.withLock { $0 += expired.prefix(Self.maximumUntold - $0.count) }
    }

    private func expire(_ client: ClientID) async throws -> ExpireReply {
        try await withCheckedThrowingContinuation { continuation in
            expire(client) { continuation.resume(with: $0) }
        }
    }

    /// Removes what has expired from one mailbox.
    func expire(_ client: ClientID, completion: @escaping @Sendable (Result<ExpireReply, BusError>) -> Void) {
        expire(client, from: "-", behind: ExpireReply(pushes: []), completion: completion)
    }

    /// - Parameter found: What was found up to here.
    private func expire(
        _ client: ClientID, from start: String, behind found: ExpireReply,
        completion: @escaping @Sendable (Result<ExpireReply, BusError>) -> Void
    ) {
        let keys = self.keys
        link.run(.expire, keys: 2, arguments: 1) { buffer in
            buffer.argument(keys.mailbox, client.rawValue)
            buffer.argument(keys.mailboxIndex, client.rawValue)
            buffer.argument(start)
        } completion: { [self] result in
            switch result.flatMap({ ExpireReply.parse($0, of: client) }) {
            case .failure(let error):
                keep(found.pushes)
                completion(.failure(error))
            case .success(var reply):
                reply.pushes = found.pushes + reply.pushes
                reply.nextExpiry = [found.nextExpiry, reply.nextExpiry].compactMap { $0 }.min()
                guard let end = reply.end else { return completion(.success(reply)) }
                expire(client, from: "(\(end)", behind: reply, completion: completion)
            }
        }
    }
}

extension CommandBuffer {
    fileprivate mutating func mailboxIndex(_ field: StaticString, of client: ClientID, keys: RedisKeys) {
        command(arguments: 3)
        argument("HGET" as StaticString)
        argument(keys.mailboxIndex, client.rawValue)
        argument(field)
    }
}

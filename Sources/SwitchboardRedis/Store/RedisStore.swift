import NIOCore
public import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// What a cluster remembers in Redis.
public final class RedisStore: Store {
    let link: RedisLink
    public let webhooks: any WebhookStore
    public let rollouts: any RolloutStore
    /// The opening of the link in which this node's lease was last renewed.
    let lastBeat = Mutex<Int?>(nil)
    /// Pushes that were found expired where nobody asked for them; ``expireMail()`` tells of them.
    let untold = Mutex<[ExpiredPush]>([])

    init(link: RedisLink) {
        self.link = link
        webhooks = RedisWebhooks(link: link)
        rollouts = RedisRollouts(link: link)
    }

    var keys: RedisKeys { link.keys }

    /// A node's set of sessions is written before and cleaned after the client's record, so a node that dies in between leaves
    /// nothing behind that its reaper does not find.
    public func register(
        _ session: SessionRecord, policy: DuplicatePolicy,
        completion: @escaping @Sendable (Result<Registration, BusError>) -> Void
    ) {
        register(session, policy: policy, deadNode: nil, completion: completion)
    }

    private func register(
        _ session: SessionRecord, policy: DuplicatePolicy, deadNode: NodeID?,
        completion: @escaping @Sendable (Result<Registration, BusError>) -> Void
    ) {
        let keys = self.keys
        enlist(session)
        link.run(.register, keys: 3, arguments: 10 + PresenceFields.ofSession.count * 2) { buffer in
            buffer.argument(keys.client, session.client.rawValue)
            buffer.argument(keys.clientConnects, session.client.rawValue)
            buffer.argument(keys.mailbox, session.client.rawValue)
            buffer.argument(keys.nodeChannelHead)
            buffer.argument(session.client.rawValue)
            buffer.argument(session.node.rawValue)
            buffer.argument(session.session.rawValue)
            buffer.argument(session.address)
            buffer.argument(policy.rawValue)
            buffer.argument(deadNode?.rawValue ?? "")
            buffer.argument(RegistrationLimit.connects)
            buffer.argument(RegistrationLimit.window * 1000)
            buffer.argument(RegistrationLimit.coolDown * 1000)
            buffer.fields(of: session)
        } completion: { [self] result in
            switch result.flatMap(Registration.parse) {
            case .failure(let error): completion(.failure(error))
            case .success(.duplicate(let node)) where deadNode == nil:
                strike(client: session.client, session: session.session, from: session.node)
                checkLease(of: node) { isAlive in
                    switch isAlive {
                    case .success(true): completion(.success(.duplicate(node: node)))
                    case .success(false): self.register(session, policy: policy, deadNode: node, completion: completion)
                    case .failure(let error): completion(.failure(error))
                    }
                }
            case .success(let registration):
                if case .registered = registration {
                    link.send(.nobody) { buffer, _ in
                        buffer.command(arguments: 4)
                        buffer.argument("ZADD" as StaticString)
                        buffer.argument(keys.clients)
                        buffer.argument(0)
                        buffer.argument(session.client.rawValue)
                    }
                } else {
                    strike(client: session.client, session: session.session, from: session.node)
                }
                completion(.success(registration))
            }
        }
    }

    public func unregister(_ departure: Departure) {
        let keys = self.keys
        let lifetime = Int(link.configuration.recordLifetime.components.seconds)
        link.run(.unregister, keys: 1, arguments: 7) { buffer in
            buffer.argument(keys.client, departure.client.rawValue)
            buffer.argument(Int(departure.epoch))
            buffer.argument(departure.session.rawValue)
            buffer.argument(Int(departure.at))
            buffer.argument(Int(departure.closeCode))
            buffer.argument(departure.reason)
            buffer.argument(departure.isLost ? 1 : 0)
            buffer.argument(lifetime)
        } completion: { [self] result in
            // Without this, `disown` puts the record right when Redis is back, or the end of the node's lease.
            guard case .success = result else { return }
            strike(client: departure.client, session: departure.session, from: departure.node)
        }
    }

    public func touch(_ changes: [PresenceChange]) {
        let keys = self.keys
        for change in changes {
            let count = change.fieldCount
            guard count > 0 else { continue }
            link.run(.touch, keys: 1, arguments: 2 + 2 * count) { buffer in
                buffer.argument(keys.client, change.client.rawValue)
                buffer.argument(Int(change.epoch))
                buffer.argument(NodeLease.lostReason)
                buffer.fields(of: change)
            } completion: { [self] result in
                switch result {
                case .success(.integer(2)): link.presenceWasLost()
                case .success(.integer(0)) where link.isCluster:
                    evictIfReplaced(change.client, epoch: change.epoch)
                default: break
                }
            }
        }
    }

    public func restore(_ sessions: [(record: SessionRecord, epoch: UInt64)]) async throws {
        let keys = self.keys
        for start in stride(from: 0, to: sessions.count, by: Self.batch) {
            let part = Array(sessions[start..<min(start + Self.batch, sessions.count)])
            for (record, _) in part { enlist(record) }
            _ = try await link.runEach(
                .restore, times: part.count, keys: 1, arguments: 7 + PresenceFields.ofSession.count * 2
            ) { buffer, index in
                let (record, epoch) = part[index]
                buffer.argument(keys.client, record.client.rawValue)
                buffer.argument(keys.nodeChannelHead)
                buffer.argument(record.client.rawValue)
                buffer.argument(record.node.rawValue)
                buffer.argument(record.session.rawValue)
                buffer.argument(record.address)
                buffer.argument(Int(epoch))
                buffer.argument(Int(record.connectedAt))
                buffer.fields(of: record)
            }
            _ = try await link.batch(1) { buffer, _, _ in
                buffer.command(arguments: 2 + 2 * part.count)
                buffer.argument("ZADD" as StaticString)
                buffer.argument(keys.clients)
                for (record, _) in part {
                    buffer.argument(0)
                    buffer.argument(record.client.rawValue)
                }
            }
        }
    }

    /// Keys that one step of a long operation takes on.
    static let batch = 500

    /// Notes the session in its node's set.
    private func enlist(_ session: SessionRecord) {
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument("SADD" as StaticString)
            buffer.argument(self.keys.nodeClients, session.node.rawValue)
            buffer.argument(NodeMember(client: session.client, session: session.session).text)
        }
    }

    private func strike(client: ClientID, session: SessionID, from node: NodeID) {
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument("SREM" as StaticString)
            buffer.argument(self.keys.nodeClients, node.rawValue)
            buffer.argument(NodeMember(client: client, session: session).text)
        }
    }

    /// Leases are on another slot than the client's record, so the script cannot look.
    private func checkLease(of node: NodeID, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        let batch = ReplyBatch(count: 2) { result in
            completion(result.map { Leases.isAlive(score: $0[1], time: $0[0]) })
        }
        link.send(.batch(batch, 0)) { buffer, _ in buffer.time() }
        link.send(.batch(batch, 1)) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument("ZSCORE" as StaticString)
            buffer.argument(self.keys.nodes)
            buffer.argument(node.rawValue)
        }
    }
}

/// An entry of a node's set. It names the session, so that striking out an older one never hits the newer.
struct NodeMember {
    var client: ClientID
    var session: SessionID

    var text: String { "\(client.rawValue) \(session.rawValue)" }

    init(client: ClientID, session: SessionID) {
        self.client = client
        self.session = session
    }

    init?(_ reply: RESPReply) {
        guard let text = reply.text, let space = text.firstIndex(of: " "),
            let client = ClientID(rawValue: String(text[..<space])),
            let session = SessionID(rawValue: String(text[text.index(after: space)...]))
        else { return nil }
        self.init(client: client, session: session)
    }
}

extension Registration {
    /// - Parameter reply: Of the registration script. What is in Redis may be anybody's: a number that is no epoch is an error.
    static func parse(_ reply: RESPReply) -> Result<Registration, BusError> {
        if let elements = reply.elements, elements.count >= 2, let kind = elements[0].integer {
            switch (kind, elements[1].integer, elements[1].text.flatMap(NodeID.init(rawValue:))) {
            case (0, let number?, _):
                guard let epoch = UInt64(exactly: number) else { break }
                return .success(.registered(epoch: epoch, hasMail: elements.last != .integer(0)))
            case (1, let seconds?, _): return .success(.coolingDown(seconds: max(1, seconds)))
            case (2, _, let node?): return .success(.duplicate(node: node))
            default: break
            }
        }
        return .failure(.unavailable("the registration script gave an unexpected answer"))
    }
}

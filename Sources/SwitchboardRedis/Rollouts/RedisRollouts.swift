import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The roll-outs of a cluster in Redis: what each script takes and does is said in its file.
final class RedisRollouts: RolloutStore {
    /// Clients that one command adds or reads; a script takes no more than some thousands of arguments.
    private static let batch = 1000
    /// Seconds after which one that was not opened is forgotten.
    private static let creation = 300

    let link: RedisLink

    init(link: RedisLink) { self.link = link }

    private var keys: RolloutKeys { link.keys.rollouts }

    // MARK: Creating

    func create(_ definition: RolloutDefinition, clients: [ClientID]) async throws -> RolloutCreation {
        let id = definition.id.rawValue
        let keys = self.keys
        let word = SessionID.random().rawValue
        if let known = try await status(definition.id) { return .exists(known) }
        guard try await count(of: keys.active) < RolloutLifetime.maximumActive else { return .full }
        let (bytes, listed) = (definition.bytes, definition.listed.bytes)
        for start in stride(from: 0, to: max(1, clients.count), by: Self.batch) {
            let part = Array(clients[start..<min(start + Self.batch, clients.count)])
            let reply = try await link.run(.rolloutAdd, keys: 2, arguments: 5 + part.count) { buffer in
                buffer.argument(keys.state, id)
                buffer.argument(keys.clients, id)
                buffer.argument(word)
                // Wanted once only; it may be large.
                buffer.argument(start == 0 ? bytes : ByteBuffer())
                buffer.argument(start == 0 ? listed : ByteBuffer())
                buffer.argument(start)
                buffer.argument(Self.creation)
                for client in part { buffer.argument(client.rawValue) }
            }
            guard reply == .integer(1) else { return try await met(definition.id) }
        }
        // Listed first: one that is open is found by whoever has to lead it.
        try await link.words("ZADD", keys.all, "\(definition.createdAt)", id)
        try await link.words("SADD", keys.active, id)
        let reply = try await link.run(.rolloutOpen, keys: 2, arguments: 2) { buffer in
            buffer.argument(keys.state, id)
            buffer.argument(keys.clients, id)
            buffer.argument(word)
            buffer.argument(clients.count)
        }
        guard reply == .integer(1) else { return try await met(definition.id) }
        // Each that comes sees to it that some of those that are gone leave the list.
        for old in try await ids("ZRANGE", keys.all, "0", "3") { _ = try await forget(old) }
        return .created
    }

    /// Another creation was faster, or is still under way.
    private func met(_ id: RolloutID) async throws -> RolloutCreation {
        try await status(id).map { .exists($0) } ?? .busy
    }

    private func count(of set: String) async throws -> Int {
        try await link.words("SCARD", set).integer ?? 0
    }

    // MARK: Reading

    func status(_ id: RolloutID) async throws -> RolloutStatus? {
        try await statuses([id])[0]
    }

    private func statuses(_ ids: [RolloutID]) async throws -> [RolloutStatus?] {
        let keys = self.keys
        let replies = try await link.batch(ids.count) { buffer, _, index in
            buffer.command(arguments: 2)
            buffer.argument("HGETALL" as StaticString)
            buffer.argument(keys.state, ids[index].rawValue)
        }
        return try replies.map { reply in
            if case .error(let text) = reply { throw BusError(reply: text) }
            return RolloutStatus(reply)
        }
    }

    /// What a list shows, without reading targets and payloads.
    private func listed(_ ids: [RolloutID]) async throws -> [RolloutStatus?] {
        let keys = self.keys
        let names = RolloutStatus.listed
        let replies = try await link.batch(ids.count) { buffer, _, index in
            buffer.command(arguments: 2 + names.count)
            buffer.argument("HMGET" as StaticString)
            buffer.argument(keys.state, ids[index].rawValue)
            for name in names { buffer.argument(name) }
        }
        return try replies.map { reply in
            if case .error(let text) = reply { throw BusError(reply: text) }
            guard let values = reply.elements else { return nil }
            return RolloutStatus(Dictionary(zip(names, values)) { first, _ in first }, definition: "listed")
        }
    }

    func list(limit: Int, after cursor: RolloutID?) async throws -> [RolloutStatus] {
        var found: [RolloutStatus] = []
        var start = 0
        if let cursor {
            // Only the oldest are ever forgotten: behind one that is there is nothing.
            guard let rank = try await link.words("ZREVRANK", keys.all, cursor.rawValue).integer else { return [] }
            start = rank + 1
        }
        while found.count < limit {
            let wanted = limit - found.count
            let page = try await ids("ZREVRANGE", keys.all, "\(start)", "\(start + wanted - 1)")
            let statuses = try await listed(page)
            var forgotten = 0
            for (id, status) in zip(page, statuses) {
                if let status { found.append(status) } else { forgotten += try await forget(id) }
            }
            guard page.count == wanted else { break }
            start += page.count - forgotten
        }
        return found
    }

    /// - Returns: How many places of the list are gone. One that is just being created stays.
    func forget(_ id: RolloutID) async throws -> Int {
        guard try await link.words("EXISTS", keys.state.name(id.rawValue)) == .integer(0) else { return 0 }
        try await link.words("SREM", keys.active, id.rawValue)
        return try await link.words("ZREM", keys.all, id.rawValue).integer ?? 0
    }

    func clients(of id: RolloutID, from index: Int, limit: Int) async throws -> [RolloutClient] {
        let keys = self.keys
        var found: [RolloutClient] = []
        for start in stride(from: index, to: index + limit, by: Self.batch) {
            let end = min(start + Self.batch, index + limit)
            let replies = try await link.batch(2) { buffer, _, command in
                if command == 0 {
                    buffer.command(arguments: 4)
                    buffer.argument("LRANGE" as StaticString)
                    buffer.argument(keys.clients, id.rawValue)
                    buffer.argument(start)
                    buffer.argument(end - 1)
                } else {
                    buffer.command(arguments: 2 + end - start)
                    buffer.argument("HMGET" as StaticString)
                    buffer.argument(keys.outcomes, id.rawValue)
                    for place in start..<end { buffer.argument(place) }
                }
            }
            for case .error(let text) in replies { throw BusError(reply: text) }
            guard let names = replies[0].elements, let outcomes = replies[1].elements else {
                throw BusError.unavailable("Redis answered with something else than a list")
            }
            for (place, (name, outcome)) in zip(names, outcomes).enumerated() {
                guard let client = name.text.flatMap(ClientID.init(rawValue:)) else { continue }
                found.append(
                    RolloutClient(
                        index: start + place, client: client, outcome: outcome.text.flatMap { RolloutOutcome($0) }))
            }
            if names.count < end - start { break }
        }
        return found
    }

    func active() async throws -> [RolloutID] { try await ids("SMEMBERS", keys.active).sorted() }

    private func ids(_ words: String...) async throws -> [RolloutID] {
        guard let elements = try await link.words(words).elements else {
            throw BusError.unavailable("Redis answered with something else than a list")
        }
        return elements.compactMap { $0.text.flatMap(RolloutID.init(rawValue:)) }
    }

    // MARK: Operators

    func control(_ id: RolloutID, _ order: RolloutOrder) async throws -> RolloutControlled? {
        let keys = self.keys
        let (verb, reason) =
            switch order {
            case .pause: ("pause", "")
            case .resume: ("resume", "")
            case .abort(let reason): ("abort", reason)
            }
        let reply = try await link.run(.rolloutControl, keys: 1, arguments: 2) { buffer in
            buffer.argument(keys.state, id.rawValue)
            buffer.argument(verb)
            buffer.argument(reason)
        }
        switch reply {
        case .integer(1): return .changed
        case .integer(0): return .unchanged
        case .integer(-1): return .ended
        default: return nil
        }
    }
}

extension RedisLink {
    /// One command of plain words.
    ///
    /// - Throws: ``BusError``, also for an error that Redis answers with.
    @discardableResult
    func words(_ words: [String]) async throws -> RESPReply {
        let reply = try await batch(1) { buffer, _, _ in
            buffer.command(arguments: words.count)
            for word in words { buffer.argument(word) }
        }
        if case .error(let text) = reply[0] { throw BusError(reply: text) }
        return reply[0]
    }

    @discardableResult
    func words(_ words: String...) async throws -> RESPReply { try await self.words(words) }
}

extension RolloutStatus {
    /// - Parameter reply: Of `HGETALL`.
    fileprivate init?(_ reply: RESPReply) {
        guard let elements = reply.elements, !elements.isEmpty else { return nil }
        var fields: [String: RESPReply] = [:]
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            if let name = elements[index].text { fields[name] = elements[index + 1] }
        }
        self.init(fields, definition: "definition")
    }

    /// The fields that a list shows.
    fileprivate static let listed = [
        "isOpen", "listed", "phase", "started", "succeeded", "failed", "held", "leader", "end", "reason", "endedAt",
    ]

    /// - Parameter name: The field with its definition.
    fileprivate init?(_ fields: [String: RESPReply], definition name: String) {
        guard fields["isOpen"]?.text != nil, case .bulk(let bytes)? = fields[name],
            let definition = RolloutDefinition(bytes)
        else { return nil }
        self.init(definition: definition)
        progress.phase = fields["phase"]?.text.flatMap(RolloutProgress.Phase.init(rawValue:)) ?? .canary
        progress.started = fields["started"]?.integer ?? 0
        progress.succeeded = fields["succeeded"]?.integer ?? 0
        progress.failed = fields["failed"]?.integer ?? 0
        isHeld = fields["held"]?.text == "1"
        leader = fields["leader"]?.text.flatMap(NodeID.init(rawValue:))
        if let kind = fields["end"]?.text.flatMap(RolloutEnd.Kind.init(rawValue:)) {
            let reason = fields["reason"]?.text.flatMap { $0.isEmpty ? nil : $0 }
            end = RolloutEnd(
                kind, reason: reason, at: fields["endedAt"]?.integer.flatMap(UInt64.init(exactly:)) ?? 0)
        }
    }
}

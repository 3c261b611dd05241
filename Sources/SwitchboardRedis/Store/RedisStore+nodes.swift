import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol
import Synchronization

extension RedisStore {
    public func beat(_ node: NodeDescription) async throws {
        let keys = self.keys
        let opening = link.openings
        let lifetime = Int(link.configuration.leaseLifetime / .milliseconds(1))
        let reply = try await link.run(.beat, keys: 2, arguments: 3) { buffer in
            buffer.argument(keys.nodes)
            buffer.argument(keys.nodesInfo)
            buffer.argument(node.id.rawValue)
            buffer.argument(lifetime)
            buffer.argument(node.json)
        }
        let before = lastBeat.withLock { last in
            defer { last = opening }
            return last
        }
        // On a new link presence is written again anyhow.
        if reply.integer == 1, before == opening { link.presenceWasLost() }
    }

    public func leave(
        _ node: NodeID, telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws {
        _ = try await bereave(node, at: WallClock.milliseconds(), telling: tell) { true }
        let replies = try await link.batch(2) { buffer, _, index in
            buffer.command(arguments: 3)
            buffer.argument(index == 0 ? "ZREM" as StaticString : "HDEL")
            buffer.argument(index == 0 ? self.keys.nodes : self.keys.nodesInfo)
            buffer.argument(node.rawValue)
        }
        for case .error(let text) in replies { throw BusError(reply: text) }
        lastBeat.withLock { $0 = nil }
    }

    public func nodes() async throws -> [NodeDescription] {
        let leases = try await leases()
        let nodes = leases.alive
        guard !nodes.isEmpty else { return [] }
        let reply = try await link.batch(1) { buffer, _, _ in
            buffer.command(arguments: 2 + nodes.count)
            buffer.argument("HMGET" as StaticString)
            buffer.argument(self.keys.nodesInfo)
            for node in nodes { buffer.argument(node.rawValue) }
        }
        if case .error(let text) = reply[0] { throw BusError(reply: text) }
        return (reply[0].elements ?? []).compactMap { NodeDescription($0) }
    }

    /// Does nothing before ``RedisConfiguration/reapGrace``.
    public func reap(
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> [(node: NodeID, clients: Int)] {
        guard let since = link.openSince, NIODeadline.now() - since >= TimeAmount(link.configuration.reapGrace) else {
            return []
        }
        let leases = try await leases()
        var reaped: [(node: NodeID, clients: Int)] = []
        for node in leases.dead {
            let keys = self.keys
            let lost = try await bereave(node, at: leases.end(of: node) ?? leases.now, telling: tell) {
                try await !self.leases().isAlive(node)
            }
            let isBuried = try await link.run(.bury, keys: 2, arguments: 1) { buffer in
                buffer.argument(keys.nodes)
                buffer.argument(keys.nodesInfo)
                buffer.argument(node.rawValue)
            }
            if isBuried == .integer(1) || lost > 0 { reaped.append((node, lost)) }
        }
        return reaped
    }

    /// Shows the sessions in a node's set as lost and empties the set.
    ///
    /// - Parameter isDead: Asked before each step: a node that was only held up may be back.
    /// - Returns: The number of sessions that were live.
    private func bereave(
        _ node: NodeID, at time: UInt64, telling tell: ([SessionLoss]) async throws -> Void,
        while isDead: () async throws -> Bool
    ) async throws -> Int {
        var lost = 0
        while try await isDead() {
            let reply = try await link.batch(1) { buffer, _, _ in
                buffer.command(arguments: 3)
                buffer.argument("SRANDMEMBER" as StaticString)
                buffer.argument(self.keys.nodeClients, node.rawValue)
                buffer.argument(Self.batch)
            }
            if case .error(let text) = reply[0] { throw BusError(reply: text) }
            guard let entries = reply[0].elements, !entries.isEmpty else { return lost }
            lost += try await lose(entries, of: node, at: time, telling: tell)
        }
        return lost
    }

    public func disown(
        _ node: NodeID, but own: @Sendable () async -> Set<SessionID>,
        telling tell: @Sendable ([SessionLoss]) async throws -> Void
    ) async throws -> Int {
        let listed = try await members(of: node)
        guard !listed.isEmpty else { return 0 }
        let own = await own()
        let strangers = listed.filter { entry in NodeMember(entry).map { !own.contains($0.session) } ?? true }
        var lost = 0
        for start in stride(from: 0, to: strangers.count, by: Self.batch) {
            let part = Array(strangers[start..<min(start + Self.batch, strangers.count)])
            lost += try await lose(part, of: node, at: WallClock.milliseconds(), telling: tell)
        }
        return lost
    }

    /// All entries of a node's set; one that comes or goes meanwhile may be among them or not.
    private func members(of node: NodeID) async throws -> [RESPReply] {
        var entries: [RESPReply] = []
        var cursor = "0"
        repeat {
            let from = cursor
            let reply = try await link.batch(1) { buffer, _, _ in
                buffer.command(arguments: 5)
                buffer.argument("SSCAN" as StaticString)
                buffer.argument(self.keys.nodeClients, node.rawValue)
                buffer.argument(from)
                buffer.argument("COUNT" as StaticString)
                buffer.argument(Self.batch)
            }
            if case .error(let text) = reply[0] { throw BusError(reply: text) }
            guard let parts = reply[0].elements, parts.count == 2, let next = parts[0].text,
                let found = parts[1].elements
            else { throw BusError.unavailable("SSCAN gave an unexpected answer") }
            entries += found
            cursor = next
        } while cursor != "0"
        return entries
    }

    /// Shows sessions in a node's set as lost and takes them out of it.
    ///
    /// - Returns: The number of those that were live.
    private func lose(
        _ entries: [RESPReply], of node: NodeID, at time: UInt64, telling tell: ([SessionLoss]) async throws -> Void
    ) async throws -> Int {
        let keys = self.keys
        let lifetime = Int(link.configuration.recordLifetime.components.seconds)
        let members = entries.compactMap(NodeMember.init)
        let outcomes = try await link.runEach(.lost, times: members.count, keys: 1, arguments: 6) { buffer, index in
            buffer.argument(keys.client, members[index].client.rawValue)
            buffer.argument(node.rawValue)
            buffer.argument(members[index].session.rawValue)
            buffer.argument(Int(time))
            buffer.argument(Int(CloseCode.abnormal.rawValue))
            buffer.argument(NodeLease.lostReason)
            buffer.argument(lifetime)
        }
        // Also of those that are shown as lost already: whoever did it may have died before it told of them.
        try await tell(members.map { SessionLoss(client: $0.client, session: $0.session, diedAt: time) })
        let removed = try await link.batch(1) { buffer, _, _ in
            buffer.command(arguments: 2 + entries.count)
            buffer.argument("SREM" as StaticString)
            buffer.argument(keys.nodeClients, node.rawValue)
            for entry in entries { if case .bulk(let bytes) = entry { buffer.argument(bytes) } }
        }
        if case .error(let text) = removed[0] { throw BusError(reply: text) }
        return outcomes.count { $0 == .integer(1) }
    }
}

extension NodeDescription {
    fileprivate var json: ByteBuffer {
        var buffer = ByteBuffer()
        var writer = JSONObjectWriter(taking: &buffer)
        writer.string("id", id.rawValue)
        writer.string("version", version)
        writer.string("address", address)
        writer.integer("startedAt", Int(startedAt))
        writer.integer("sessions", sessions)
        writer.literal("isDraining", isDraining ? "true" : "false")
        if let busLag { writer.number("busLag", busLag) }
        writer.integer(NodeClock.member, Int(WallClock.milliseconds()))
        return writer.finish()
    }

    fileprivate init?(_ reply: RESPReply) {
        guard case .bulk(let buffer) = reply, let document = try? JSONDocument(buffer),
            let id = document["id"].flatMap(document.string).flatMap(NodeID.init(rawValue:)),
            let version = document["version"].flatMap(document.string),
            let address = document["address"].flatMap(document.string),
            let startedAt = document["startedAt"].flatMap(document.integer),
            let sessions = document["sessions"].flatMap(document.integer),
            let isDraining = document["isDraining"].flatMap(document.boolean)
        else { return nil }
        self.init(
            id: id, version: version, address: address, startedAt: UInt64(max(0, startedAt)), sessions: sessions,
            isDraining: isDraining, busLag: document["busLag"].flatMap(document.number))
    }
}

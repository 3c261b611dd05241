import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What this node tells watchers. Never a payload.
extension Node {
    /// The node's own state has changed: watchers see it at once, and the other nodes if it stays among them.
    func noteState(_ type: EventType, isListed: Bool = true) {
        if events.isWatched { events.note(type, .node) { $0.integer("connections", sessionCount.value) } }
        if isListed { Task { await beat() } }
    }

    /// What became of a push here. Call it only while somebody watches.
    func note(_ outcome: PushOutcome, of push: BusPush) {
        if case .client(let client) = push.target {
            if outcome.delivered > 0 { note(push, .pushDelivered, .client(client)) }
            if outcome.dropped > 0 { note(push, .pushDropped, .client(client)) }
            return
        }
        guard outcome.matched > 0 else { return }
        if outcome.delivered > 0 { note(push, .pushDelivered, .node, count: outcome.delivered) }
        if outcome.dropped > 0 { note(push, .pushDropped, .node, count: outcome.dropped) }
        for client in events.watchedClients {
            guard let place = directory.place(of: client) else { continue }
            on(shard(at: place)) { [self] shard in
                guard let session = shard.openSession(at: place), session.isMeant(by: push.target) else { return }
                note(push, .pushDelivered, .onlyWatchersOf(client))
            }
        }
    }

    /// - Parameter count: How many clients it was, when it was not meant for one.
    func note(_ push: BusPush, _ type: EventType, _ subject: EventHub.Subject, count: Int? = nil) {
        events.note(type, subject) { json in
            json.string("push", push.id.rawValue)
            json.string("channel", push.target.channel)
            if let offset = push.durable?.place?.text { json.string("offset", offset) }
            if let count { json.integer("clients", count) }
        }
    }

    func note(_ type: EventType, of push: PushID, for client: ClientID) {
        guard events.isWatched else { return }
        events.note(type, .client(client)) { $0.string("push", push.rawValue) }
    }

    func note(
        _ type: EventType, of command: CommandID, for client: ClientID, _ members: (inout JSONObjectWriter) -> Void
    ) {
        guard events.isWatched else { return }
        events.note(type, .client(client)) { json in
            json.string("command", command.rawValue)
            members(&json)
        }
    }
}

extension Session {
    func isMeant(by target: Target) -> Bool {
        switch target {
        case .all: true
        case .client(let client): record?.client == client
        case .clients(let clients): record.map { clients.contains($0.client) } ?? false
        case .group(let name): memberships.contains { $0.group.name == name }
        case .labels(let labels): carries(labels)
        }
    }

    func noteConnected(_ record: SessionRecord) {
        guard node.events.isWatched else { return }
        node.events.note(.sessionConnected, .client(record.client)) { json in
            json.string("session", record.session.rawValue)
            json.integer("epoch", Int(clamping: epoch))
            json.string("mode", mode == .framed ? "framed" : "raw")
            json.string("address", record.address)
        }
    }

    /// It has ended: kept among the newest closes, and told.
    func noteClosed(_ record: SessionRecord, _ code: CloseCode, reason: String) {
        let close = ClosedSession(
            client: record.client, session: record.session, code: code, reason: reason,
            connectedAt: record.connectedAt, at: WallClock.milliseconds())
        shard.closes.add(close)
        guard node.events.isWatched else { return }
        node.events.note(.sessionClosed, .client(record.client)) { $0.closing(close) }
    }
}

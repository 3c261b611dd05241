import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The fields of a client's record in Redis.
enum PresenceFields {
    /// Those that a script is handed with a session, besides those that it sets itself.
    static let ofSession = ["mode", "userAgent", "labels", "groups", "connectedAt", "lastSeenAt"]

    /// All of them, in the order in which a record is asked for.
    static let all = [
        "node", "session", "epoch", "address", "userAgent", "labels", "groups", "connectedAt", "lastSeenAt", "rtt",
        "health",
        "disconnectedAt", "closeCode", "closeReason", "lost",
    ]

    /// ``all``, in RESP.
    static let names: ByteBuffer = {
        var buffer = CommandBuffer()
        for name in all { buffer.argument(name) }
        return buffer.joined()
    }()
}

extension CommandBuffer {
    /// Names and values for ``PresenceFields/ofSession``.
    mutating func fields(of session: SessionRecord) {
        argument("mode" as StaticString)
        argument(session.mode == .framed ? "framed" as StaticString : "raw")
        argument("userAgent" as StaticString)
        argument(session.userAgent ?? "")
        argument("labels" as StaticString)
        argument(Self.json(session.labels))
        argument("groups" as StaticString)
        argument(Self.json(session.groups))
        argument("connectedAt" as StaticString)
        argument(Int(session.connectedAt))
        argument("lastSeenAt" as StaticString)
        argument(Int(WallClock.milliseconds()))
    }

    /// Names and values of what is given.
    mutating func fields(of change: PresenceChange) {
        if let time = change.lastSeenAt {
            argument("lastSeenAt" as StaticString)
            argument(Int(time))
        }
        if let roundTrip = change.roundTrip {
            argument("rtt" as StaticString)
            argument("\(roundTrip)")
        }
        if let groups = change.groups {
            argument("groups" as StaticString)
            argument(Self.json(groups))
        }
        if let health = change.health {
            argument("health" as StaticString)
            argument(health)
        }
    }

    /// Asks for a client's record; ``PresenceRecord`` reads the reply.
    mutating func record(of client: ClientID, keys: RedisKeys) {
        command(arguments: 2 + PresenceFields.all.count)
        argument("HMGET" as StaticString)
        argument(keys.client, client.rawValue)
        prepared(PresenceFields.names)
    }

    mutating func time() {
        command(arguments: 1)
        argument("TIME" as StaticString)
    }

    private static func json(_ labels: [String: String]) -> ByteBuffer {
        var buffer = ByteBuffer()
        var writer = JSONObjectWriter(taking: &buffer)
        writer.strings("labels", labels)
        return writer.finish()
    }

    private static func json(_ groups: [GroupName]) -> ByteBuffer {
        var buffer = ByteBuffer()
        var writer = JSONObjectWriter(taking: &buffer)
        writer.strings("groups", groups.map(\.rawValue))
        return writer.finish()
    }
}

extension PresenceChange {
    var fieldCount: Int {
        (lastSeenAt == nil ? 0 : 1) + (roundTrip == nil ? 0 : 1) + (groups == nil ? 0 : 1) + (health == nil ? 0 : 1)
    }
}

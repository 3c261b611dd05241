import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// `GET /v1/pushes/{id}`: what became of a push.
struct PushReportRoutes: Sendable {
    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/pushes/:id") { _, context in
            guard let id = PushID(rawValue: try parameter("id", context)) else { throw Problem.invalidPushID }
            guard let log = try await stored({ try await node.store.log(of: id) }) else { throw Problem.pushNotFound }
            return .json(Self.document(id, log))
        }
    }

    static func document(_ id: PushID, _ log: [(at: UInt64, entry: ByteBuffer)]) -> ByteBuffer {
        let account = PushAccount(log)
        return JSONObjectWriter.document { json in
            json.string("id", id.rawValue)
            json.string("state", account.state)
            if let target = account.target { json.verbatim("target", target) }
            json.object("counts") { counts in
                counts.counts(account.counts)
                for end in PushAccount.End.allCases { counts.integer(named: end.rawValue, account.ends[end] ?? 0) }
            }
            json.list("timeline", account.timeline) { entry, moment in
                entry.time("at", moment.at)
                entry.string("event", moment.event)
                if let node = moment.node { entry.string("node", node) }
                if let client = moment.client { entry.string("client", client) }
                entry.integer("count", moment.count)
            }
            if log.count >= PushLog.maximumEntries { json.boolean("truncated", true) }
        }
    }
}

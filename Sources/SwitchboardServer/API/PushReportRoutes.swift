import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// `GET /v1/pushes/{id}`: what became of a push; `GET /v1/pushes`: the newest.
struct PushReportRoutes: Sendable {
    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/pushes") { request, _ in try await newest(try Self.limit(of: request)) }
        table.get("/v1/pushes/:id") { _, context in
            guard let id = PushID(rawValue: try parameter("id", context)) else { throw Problem.invalidPushID }
            guard let log = try await stored({ try await node.store.log(of: id) }) else { throw Problem.pushNotFound }
            return .json(Self.document(id, log))
        }
    }

    private static func limit(of request: Request) throws(Problem) -> Int {
        var limit = 50
        for (name, value) in try URLQuery.checked(request.uri.query).items {
            guard name == "limit" else { throw .invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'") }
            guard let number = Int(value), (1...1000).contains(number) else {
                throw .invalidRequest("'limit' must be 1-1000")
            }
            limit = number
        }
        return limit
    }

    /// What each node remembers of the pushes that it has accepted, put together.
    private func newest(_ limit: Int) async throws -> Response {
        let replies = try await stored { try await node.conversations.ask(.pushes(limit)) }
        var pushes: [(at: String, json: ByteBuffer)] = []
        for (_, body) in replies.bodies {
            guard let document = try? JSONDocument(body),
                let elements = document["pushes"].flatMap({ document.elements($0) })
            else { continue }
            for element in elements.prefix(RecentPushes.limit) {
                guard let push = document.object(element), let at = push["at"].flatMap({ push.string($0) }) else {
                    continue
                }
                pushes.append((at, push.buffer))
            }
        }
        // Times of one form are in the order of their texts.
        pushes.sort { $0.at > $1.at }
        var list = ByteBuffer(string: "[")
        for (index, push) in pushes.prefix(limit).enumerated() {
            if index > 0 { list.writeInteger(UInt8(ascii: ",")) }
            list.writeImmutableBuffer(push.json)
        }
        list.writeInteger(UInt8(ascii: "]"))
        return .json { json in
            json.verbatim("pushes", list)
            json.integer("nodes", replies.bodies.count)
            json.boolean("complete", replies.isComplete)
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

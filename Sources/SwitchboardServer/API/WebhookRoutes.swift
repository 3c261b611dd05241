import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// How the webhooks are doing, and the events that were given up.
struct WebhookRoutes: Sendable {
    /// Ids of one replay.
    private static let maximumIDs = 1000

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/webhooks") { _, _ in try await status() }
        table.get("/v1/webhooks/dead") { request, _ in try await list(request) }
        table.delete("/v1/webhooks/dead") { _, _ in
            let count = try await stored { try await node.store.webhooks.forget(nil) }
            return .json { $0.integer("deleted", count) }
        }
        table.post("/v1/webhooks/dead/replay") { request, context in try await replay(request, context) }
        table.delete("/v1/webhooks/dead/:id") { _, context in
            guard let id = StreamOffset(try parameter("id", context)) else {
                throw Problem.invalidRequest("'id' is not one of ours")
            }
            guard try await stored({ try await node.store.webhooks.forget([id]) }) > 0 else {
                throw Problem.eventNotFound
            }
            return .noContent
        }
    }

    private func status() async throws -> Response {
        let status = try await stored { try await node.store.webhooks.status() }
        let url = node.configuration.webhooks.url
        return .json { json in
            json.boolean("enabled", url != nil)
            if let url { json.string("url", Self.shown(url)) }
            json.status(status)
        }
    }

    /// Without user, password and query, which may be secrets.
    private static func shown(_ url: String) -> String {
        guard var parts = URLComponents(string: url) else { return "" }
        parts.user = nil
        parts.password = nil
        parts.query = nil
        parts.fragment = nil
        return parts.string ?? ""
    }

    private func list(_ request: Request) async throws -> Response {
        let (limit, cursor) = try streamPage(of: request)
        let events = try await stored { try await node.store.webhooks.dead(limit: limit, after: cursor) }
        return .json { json in
            json.list("events", events) { entry, event in
                entry.string("id", event.id.description)
                entry.time("at", event.id.milliseconds)
                entry.time("addedAt", event.addedAt)
                entry.integer("attempts", event.attempts)
                entry.string("reason", event.reason)
                entry.verbatim("event", event.document)
            }
            if events.count == limit, let last = events.last { json.string("next", last.id.description) }
        }
    }

    private func replay(_ request: Request, _ context: APIContext) async throws -> Response {
        let ids = try await wanted(request)
        guard let webhooks = node.webhooks, node.configuration.webhooks.url != nil else { throw Problem.webhooksOff }
        let count = try await stored { try await node.store.webhooks.replay(ids) }
        webhooks.bell.ring()
        return .json { $0.integer("replayed", count) }
    }

    /// - Returns: nil for all.
    private func wanted(_ request: Request) async throws -> [StreamOffset]? {
        let body = try await request.wholeBody(limit: node.configuration.bodyLimit)
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(body) } catch {
            throw Problem.malformedJSON(error)
        }
        switch (document["ids"], document["all"], document.members.count) {
        case (nil, let all?, 1) where document.boolean(all) == true: return nil
        case (let list?, nil, 1):
            guard let elements = document.elements(list), (1...Self.maximumIDs).contains(elements.count) else { break }
            let ids = elements.compactMap { document.string($0).flatMap { StreamOffset($0) } }
            guard ids.count == elements.count else { throw Problem.invalidRequest("'ids' has one that is not of ours") }
            return ids
        default: break
        }
        throw Problem.invalidRequest("exactly one of 'ids', a list of 1-\(Self.maximumIDs), and 'all': true is needed")
    }
}

extension JSONObjectWriter {
    fileprivate mutating func status(_ status: WebhookStatus) {
        integer("waiting", status.waiting)
        integer("bytes", status.bytes)
        time("oldest", status.oldest)
        integer("dead", status.dead)
        integer("deadBytes", status.deadBytes)
        integer("clients", status.live)
        integer("losses", status.losses)
        integer("delivered", status.delivered)
        integer("refused", status.refused)
        integer("forgotten", status.forgotten)
        integer("failures", status.failures)
        time("pausedUntil", status.pausedUntil)
        if let trouble = status.trouble {
            object("lastError") { error in
                error.string("reason", trouble)
                error.time("at", status.troubleAt)
            }
        }
    }
}

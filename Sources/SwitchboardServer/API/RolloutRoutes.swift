import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// A push or command to many clients, a few at a time, which stops by itself when too many fail.
struct RolloutRoutes: Sendable {
    /// Clients that are looked at for one page, however few of them are asked for.
    private static let maximumScan = 20_000

    let node: Node
    private let ids = RolloutIDs()

    init(node: Node) { self.node = node }

    private var store: any RolloutStore { node.store.rollouts }

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/rollouts") { request, context in try await create(request, context) }
        table.get("/v1/rollouts") { request, _ in try await list(request) }
        table.get("/v1/rollouts/:id") { _, context in .json(try await status(try rollout(context)).document) }
        table.get("/v1/rollouts/:id/clients") { request, context in
            try await clients(of: try rollout(context), request)
        }
        table.post("/v1/rollouts/:id/pause") { request, context in
            guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("there are no options") }
            return try await control(.pause, .rolloutPaused, context)
        }
        table.post("/v1/rollouts/:id/resume") { request, context in
            guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("there are no options") }
            return try await control(.resume, .rolloutResumed, context)
        }
        table.post("/v1/rollouts/:id/abort") { request, context in
            let reason = try Self.reason(request) ?? "aborted by \(context.principal.name)"
            return try await control(.abort(reason: reason), .rolloutAborted, context)
        }
    }

    private func rollout(_ context: APIContext) throws(Problem) -> RolloutID {
        guard let id = RolloutID(rawValue: try parameter("id", context)) else {
            throw .invalidRequest("a roll-out's id has 1-\(RolloutID.longest) characters of A-Z a-z 0-9 . _ : @ -")
        }
        return id
    }

    private static func reason(_ request: Request) throws(Problem) -> String? {
        let query = try URLQuery.checked(request.uri.query)
        if let (name, _) = query.items.first(where: { $0.name != "reason" }) {
            throw .invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
        }
        guard let reason = query["reason"], !reason.isEmpty else { return nil }
        return reason.prefix(bytes: 256)
    }

    // MARK: Creating

    private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        try node.delivery.checkRate(context.principal)
        guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("options go into the body") }
        let document = try RolloutDocument(try await request.wholeBody(limit: node.configuration.bodyLimit))
        guard node.settlement.isSettled else { throw Problem.busUnavailable("the nodes are finding together again") }
        if let id = document.id, let known = try await stored({ try await store.status(id) }) {
            return try repeated(known, document)
        }
        let clients = try await stored { try await node.rolloutClients(document.target) }
        guard !clients.isEmpty else { throw Problem.noClients }
        let definition = RolloutDefinition(
            id: document.id ?? ids.next(), target: document.target, work: document.work,
            terms: document.terms(clients: clients.count), createdAt: WallClock.milliseconds(),
            author: context.principal.name, fingerprint: document.fingerprint)
        switch try await stored({ try await store.create(definition, clients: clients) }) {
        case .created: break
        case .exists(let known): return try repeated(known, document)
        case .busy: throw Problem.pushInProgress
        case .full: throw Problem.tooManyRollouts(RolloutLifetime.maximumActive)
        }
        node.note(.rolloutStarted, of: definition.id, by: definition.author)
        node.logger.info(
            "a roll-out begins",
            metadata: [
                "rollout": "\(definition.id)", "clients": "\(clients.count)", "by": "\(definition.author)",
            ])
        // When this fails, some node does it a moment later.
        try? await node.rollouts.lead(definition.id, at: node)
        return Self.located(.json(RolloutStatus(definition: definition).document, status: .created), definition.id)
    }

    /// The same request again gets what has become of the first.
    private func repeated(_ known: RolloutStatus, _ document: RolloutDocument) throws(Problem) -> Response {
        guard known.definition.fingerprint == document.fingerprint else { throw .idempotencyConflict }
        return Self.located(.json(known.document), known.definition.id)
    }

    private static func located(_ response: Response, _ id: RolloutID) -> Response {
        var response = response
        response.headers[.location] = "/v1/rollouts/\(id)"
        return response
    }

    // MARK: Looking

    private func status(_ id: RolloutID) async throws -> RolloutStatus {
        guard let status = try await stored({ try await store.status(id) }) else { throw Problem.rolloutNotFound }
        return status
    }

    private func list(_ request: Request) async throws -> Response {
        var (limit, cursor): (Int, RolloutID?) = (50, nil)
        for (name, value) in try URLQuery.checked(request.uri.query).items {
            switch name {
            case "limit": limit = try Self.limit(value, 100)
            case "cursor":
                guard let id = RolloutID(rawValue: value) else {
                    throw Problem.invalidRequest("'cursor' is not one of ours")
                }
                cursor = id
            default: throw Problem.invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
        }
        let page = try await stored { try await store.list(limit: limit, after: cursor) }
        return .json { json in
            json.list("rollouts", page) { $0.rollout($1) }
            if page.count == limit, let last = page.last { json.string("next", last.definition.id.rawValue) }
        }
    }

    private func clients(of id: RolloutID, _ request: Request) async throws -> Response {
        var (limit, start, wanted): (Int, Int, RolloutClient.State?) = (100, 0, nil)
        for (name, value) in try URLQuery.checked(request.uri.query).items {
            switch name {
            case "limit": limit = try Self.limit(value, 1000)
            case "cursor":
                guard let place = Int(value), (0...RolloutTerms.maximumClients).contains(place) else {
                    throw Problem.invalidRequest("'cursor' is not one of ours")
                }
                start = place
            case "outcome":
                guard let state = RolloutClient.State(rawValue: value) else {
                    throw Problem.invalidRequest("'outcome' must be pending, started, ok or failed")
                }
                wanted = state
            default: throw Problem.invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
        }
        let status = try await status(id)
        let (total, started) = (status.definition.terms.total, status.progress.started)
        let end = min(total, start + Self.maximumScan)
        var found: [RolloutClient] = []
        while start < end, found.count < limit {
            let count = min(end - start, wanted == nil ? limit : 1000)
            let page = try await stored { [start] in try await store.clients(of: id, from: start, limit: count) }
            guard !page.isEmpty else { break }
            for client in page where found.count < limit {
                start = client.index + 1
                if wanted == nil || client.state(started: started) == wanted { found.append(client) }
            }
        }
        return .json { json in
            json.list("clients", found) { $0.client($1, of: status.definition, started: started) }
            if start < total { json.string("next", "\(start)") }
        }
    }

    private static func limit(_ text: String, _ most: Int) throws(Problem) -> Int {
        guard let number = Int(text), (1...most).contains(number) else {
            throw .invalidRequest("'limit' must be 1-\(most)")
        }
        return number
    }

    // MARK: Operating

    private func control(_ order: RolloutOrder, _ type: EventType, _ context: APIContext) async throws -> Response {
        let id = try rollout(context)
        switch try await stored({ try await store.control(id, order) }) {
        case nil: throw Problem.rolloutNotFound
        case .ended: throw Problem.rolloutEnded
        case .unchanged: break
        case .changed:
            var reason: String?
            if case .abort(let given) = order { reason = given }
            node.note(type, of: id, reason: reason, by: context.principal.name)
            node.logger.info(
                "an operator changed a roll-out",
                metadata: ["rollout": "\(id)", "event": "\(type.rawValue)", "by": "\(context.principal.name)"])
        }
        return .json(try await status(id).document)
    }
}

/// Ids for roll-outs that have none of their own.
private final class RolloutIDs: Sendable {
    private let ids = Mutex(ULIDGenerator())

    func next() -> RolloutID {
        let now = WallClock.milliseconds()
        return RolloutID(unchecked: ids.withLock { $0.next(milliseconds: now) })
    }
}

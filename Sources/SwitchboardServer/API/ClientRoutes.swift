import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Clients: who is online and where, closing one, and membership in groups.
struct ClientRoutes {
    let node: Node

    private static var standardLimit: Int { 100 }
    private static var maximumLimit: Int { 1000 }

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/clients") { request, _ in try await list(request) }
        table.get("/v1/clients/:id") { _, context in try await show(try client(context)) }
        table.delete("/v1/clients/:id") { request, context in try await close(try client(context), request) }
        table.put("/v1/clients/:id/groups/:name") { _, context in
            try node.delivery.checkRate(context.principal)
            return try await order(.join(try group(context)), for: try client(context))
        }
        table.delete("/v1/clients/:id/groups/:name") { _, context in
            try node.delivery.checkRate(context.principal)
            return try await order(.leave(try group(context)), for: try client(context))
        }
    }

    private func list(_ request: Request) async throws -> Response {
        let query = try URLQuery.checked(request.uri.query)
        var filter = ClientFilter()
        var limit = Self.standardLimit
        var cursor: ClientID?
        for (name, value) in query.items {
            switch name {
            case "state":
                guard let state = ClientPresence.State(rawValue: value) else {
                    throw Problem.invalidRequest("'state' must be online, offline or suspect")
                }
                filter.state = state
            case "group":
                guard let group = GroupName(rawValue: value) else { throw Problem.invalidGroup }
                filter.group = group
            case "node":
                guard let node = NodeID(rawValue: value) else {
                    throw Problem.invalidRequest("'node' is not a node id")
                }
                filter.node = node
            case "limit":
                guard let number = Int(value), (1...Self.maximumLimit).contains(number) else {
                    throw Problem.invalidRequest("'limit' must be 1-\(Self.maximumLimit)")
                }
                limit = number
            case "cursor":
                guard let id = ClientID(rawValue: value) else {
                    throw Problem.invalidRequest("'cursor' is not one of ours")
                }
                cursor = id
            case _ where name.hasPrefix("label.") && name.count > 6: filter.labels[String(name.dropFirst(6))] = value
            default: throw Problem.invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
        }
        let page = try await stored { try await node.store.clients(filter, limit: limit, after: cursor) }
        return .json { json in
            json.list("clients", page.clients) { $0.client($1, rules: node.alerts.rules) }
            if let next = page.next { json.string("next", next.rawValue) }
        }
    }

    private func show(_ client: ClientID) async throws -> Response {
        guard let presence = try await stored({ try await node.store.client(client) }) else {
            throw Problem.clientNotFound(client)
        }
        return .json { $0.client(presence, rules: node.alerts.rules) }
    }

    private func close(_ client: ClientID, _ request: Request) async throws -> Response {
        let query = try URLQuery.checked(request.uri.query)
        let reason = query["reason"] ?? "closed by the operator"
        return try await order(.close(code: CloseCode.closedByOperator.rawValue, reason: reason), for: client)
    }

    private func order(_ action: Control.Action, for client: ClientID) async throws -> Response {
        guard node.settlement.isSettled else { throw Problem.busUnavailable("the nodes are finding together again") }
        switch try await stored({ try await node.conversations.order(action, for: client) }) {
        case .done: return .noContent
        case .notHere: throw Problem.clientOffline(client)
        case .refused: throw Problem.tooManyGroups(node.configuration.maximumGroups)
        case nil: throw Problem.busUnavailable("the client's node does not answer")
        }
    }
}

/// Does something with the bus or store, whose failures are problems.
func stored<Value>(_ body: () async throws -> Value) async throws -> Value {
    do { return try await body() } catch let error as BusError { throw Problem(error) }
}

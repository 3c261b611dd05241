import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// One node, asked or told something by way of any other.
struct NodeRoutes<Context: RequestContext> {
    private static var bodyLimit: Int { 1024 }

    let node: Node

    func add(to table: RouteTable<Context>) {
        table.post("/v1/nodes/:id/drain") { request, context in
            try await checkEmpty(request)
            return .json(try await ask(.drain, context), status: .accepted)
        }
        table.delete("/v1/nodes/:id/drain") { request, context in
            try await checkEmpty(request)
            let state = try await ask(.serve, context)
            guard let document = try? JSONDocument(state), let phase = document["state"].flatMap(document.string),
                phase == NodeDrain.Phase.serving.rawValue
            else { throw Problem.nodeStopping(try id(context)) }
            return .json(state)
        }
        table.get("/v1/nodes/:id/closes") { request, context in
            .json(try await ask(.closes(try limit(request)), context))
        }
    }

    /// There is nothing to say; what is said nevertheless is not ignored.
    private func checkEmpty(_ request: Request) async throws {
        guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("there are no options") }
        let body = try await request.wholeBody(limit: Self.bodyLimit)
        guard body.readableBytes > 0 else { return }
        guard let document = try? JSONDocument(body), document.members.isEmpty else {
            throw Problem.invalidRequest("a body is not expected")
        }
    }

    private func limit(_ request: Request) throws -> Int {
        let query = try URLQuery.checked(request.uri.query)
        var limit = CloseLog.limit
        for (name, value) in query.items {
            guard name == "limit" else { throw Problem.invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'") }
            guard let number = Int(value), (1...CloseLog.limit).contains(number) else {
                throw Problem.invalidRequest("'limit' must be 1-\(CloseLog.limit)")
            }
            limit = number
        }
        return limit
    }

    private func id(_ context: Context) throws -> NodeID {
        guard let id = NodeID(rawValue: try parameter("id", context)) else {
            throw Problem.invalidRequest("a node's id has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
        }
        return id
    }

    private func ask(_ subject: Query.Subject, _ context: Context) async throws -> ByteBuffer {
        let id = try id(context)
        guard try await stored({ try await node.store.nodes() }).contains(where: { $0.id == id }) else {
            throw Problem.nodeNotFound(id)
        }
        guard let answer = try await stored({ try await node.conversations.ask(subject, of: id) }) else {
            throw Problem.nodeSilent(id)
        }
        return answer
    }
}

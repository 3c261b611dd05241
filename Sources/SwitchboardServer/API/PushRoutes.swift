import HTTPTypes
import Hummingbird
import NIOCore

/// The push routes on the framework's way: for requests that ``PushRequestParser`` left to it.
struct PushRoutes {
    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/push") { request, context in try await answer(.push, request, context) }
        table.post("/v1/broadcast") { request, context in try await answer(.broadcast, request, context) }
        table.post("/v1/clients/:id/push") { request, context in
            try await answer(.client(try parameter("id", context)), request, context)
        }
        table.post("/v1/groups/:name/push") { request, context in
            try await answer(.group(try parameter("name", context)), request, context)
        }
    }

    private func answer(_ route: PushRoute, _ request: Request, _ context: APIContext) async throws -> Response {
        let (query, isDryRun) = try DryRun.split(request.uri.query ?? "")
        let push = PushRequest(
            route: route, query: query, contentType: request.headers[.contentType],
            prefer: request.headers[optional: FieldName.prefer],
            idempotencyKey: request.headers[optional: FieldName.idempotencyKey],
            trace: request.traceContext,
            body: try await request.wholeBody(limit: node.configuration.bodyLimit))
        if isDryRun { return .json(try await DryRun(node: node).answer(push, of: context.principal)) }
        let answer: PushEndpoint.Answer = await withCheckedContinuation { continuation in
            PushEndpoint(node: node).handle(push, of: context.principal) { continuation.resume(returning: $0) }
        }
        let (status, json) = try answer.get()
        return .json(json, status: HTTPResponse.Status(code: status))
    }
}

extension Request {
    /// - Parameter limit: Bytes; 0 means no limit.
    func wholeBody(limit: Int) async throws -> ByteBuffer {
        guard headers[.contentEncoding] == nil else { throw Problem.notImplemented("Content-Encoding") }
        if limit > 0, let length = headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Problem.bodyTooLarge(limit)
        }
        do {
            return try await body.collect(upTo: limit == 0 ? .max : limit)
        } catch is NIOTooManyBytesError {
            throw Problem.bodyTooLarge(limit)
        }
    }
}

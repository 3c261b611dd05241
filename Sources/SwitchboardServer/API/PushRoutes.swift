import HTTPTypes
import Hummingbird
import NIOCore

/// The push routes on the framework's way: for requests that ``PushRequestParser`` left to it.
struct PushRoutes<Context: RequestContext> {
    let node: Node

    func add(to table: RouteTable<Context>) {
        table.post("/v1/push") { request, _ in try await answer(.push, request) }
        table.post("/v1/broadcast") { request, _ in try await answer(.broadcast, request) }
        table.post("/v1/clients/:id/push") { request, context in
            try await answer(.client(try parameter("id", context)), request)
        }
        table.post("/v1/groups/:name/push") { request, context in
            try await answer(.group(try parameter("name", context)), request)
        }
    }

    private func answer(_ route: PushRoute, _ request: Request) async throws -> Response {
        let push = PushRequest(
            route: route, query: request.uri.query ?? "", contentType: request.headers[.contentType],
            prefer: request.headers[optional: FieldName.prefer],
            idempotencyKey: request.headers[optional: FieldName.idempotencyKey],
            hasAuthorization: request.headers[.authorization] != nil, trace: request.traceContext,
            body: try await request.wholeBody(limit: node.configuration.bodyLimit))
        let answer: PushEndpoint.Answer = await withCheckedContinuation { continuation in
            PushEndpoint(node: node).handle(push) { continuation.resume(returning: $0) }
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

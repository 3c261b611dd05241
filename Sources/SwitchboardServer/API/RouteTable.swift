import HTTPTypes
import Hummingbird

/// Gathers the routes before they are given to the router, so that a wrong method on a known path is answered with 405 and
/// `Allow` (RFC 9110 section 15.5.6) instead of 404.
final class RouteTable<Context: RequestContext> {
    typealias Handler = @Sendable (Request, Context) async throws -> Response
    /// Lets the caller of a route in, or throws the ``Problem`` that is its answer.
    typealias Admission = @Sendable (RouteAccess, Request, inout Context) async throws -> Void

    /// Every registered method that somebody may try on a known path.
    private static var methods: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
            + ["QUERY", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "SEARCH"].compactMap { HTTPRequest.Method($0) }
    }

    private var routes: [(path: String, methods: [(method: HTTPRequest.Method, handler: Handler)])] = []

    func on(_ path: String, _ method: HTTPRequest.Method, _ handler: @escaping Handler) {
        if let index = routes.firstIndex(where: { $0.path == path }) {
            routes[index].methods.append((method, handler))
        } else {
            routes.append((path, [(method, handler)]))
        }
    }

    func get(_ path: String, _ handler: @escaping Handler) { on(path, .get, handler) }
    func post(_ path: String, _ handler: @escaping Handler) { on(path, .post, handler) }
    func put(_ path: String, _ handler: @escaping Handler) { on(path, .put, handler) }
    func delete(_ path: String, _ handler: @escaping Handler) { on(path, .delete, handler) }

    /// Nothing of a request's body is read before its caller is let in. A route of which ``RouteAccess`` knows nothing is not
    /// served.
    func register(on router: Router<Context>, admission: @escaping Admission) {
        for (name, handlers) in routes {
            let path = RouterPath(name)
            for (method, handler) in handlers {
                guard let access = RouteAccess.of(method.rawValue, name) else { continue }
                router.on(path, method: method) { request, context in
                    var context = context
                    try await admission(access, request, &context)
                    return try await handler(request, context)
                }
            }
            var known = handlers.map(\.method)
            // The router itself answers HEAD wherever there is GET.
            if known.contains(.get) { known.append(.head) }
            let problem = Problem.methodNotAllowed(allow: known.map(\.rawValue).joined(separator: ", "))
            for method in Self.methods where !known.contains(method) {
                router.on(path, method: method) { _, _ -> Response in throw problem }
            }
        }
    }
}

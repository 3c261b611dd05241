import HTTPTypes
import Hummingbird

/// Gathers the routes before they are given to the router, so that a wrong method on a known path is answered with 405 and
/// `Allow` (RFC 9110 section 15.5.6) instead of 404.
final class RouteTable<Context: RequestContext> {
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    /// Every registered method that somebody may try on a known path.
    private static var methods: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
            + ["QUERY", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "SEARCH"].compactMap { HTTPRequest.Method($0) }
    }

    private var routes: [(path: RouterPath, methods: [(method: HTTPRequest.Method, handler: Handler)])] = []

    func on(_ path: RouterPath, _ method: HTTPRequest.Method, _ handler: @escaping Handler) {
        if let index = routes.firstIndex(where: { $0.path.description == path.description }) {
            routes[index].methods.append((method, handler))
        } else {
            routes.append((path, [(method, handler)]))
        }
    }

    func get(_ path: RouterPath, _ handler: @escaping Handler) { on(path, .get, handler) }
    func post(_ path: RouterPath, _ handler: @escaping Handler) { on(path, .post, handler) }
    func put(_ path: RouterPath, _ handler: @escaping Handler) { on(path, .put, handler) }
    func delete(_ path: RouterPath, _ handler: @escaping Handler) { on(path, .delete, handler) }

    func register(on router: Router<Context>) {
        for (path, handlers) in routes {
            for (method, handler) in handlers { router.on(path, method: method, use: handler) }
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

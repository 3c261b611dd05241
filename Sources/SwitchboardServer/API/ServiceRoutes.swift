import HTTPTypes
import Hummingbird
import NIOCore

/// Health, readiness, the API's description, and what is not there yet.
struct ServiceRoutes<Context: RequestContext> {
    let node: Node

    func add(to table: RouteTable<Context>) {
        table.get("/healthz") { _, _ in Response.json(ByteBuffer(string: #"{"status":"ok"}"#)) }
        table.get("/readyz") { _, _ in try ready() }
        table.get("/openapi.yaml") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/yaml"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_yaml)))
        }
        table.get("/ws") { _, _ in throw Problem.upgradeRequired }
        addLater(to: table)
    }

    private func ready() throws(Problem) -> Response {
        guard !node.isDraining else { throw .notReady("the node is draining") }
        if let trouble = node.busHealth.trouble { throw .notReady(trouble) }
        guard node.settlement.isSettled else { throw .notReady("the nodes are finding together again") }
        return .json(ByteBuffer(string: #"{"status":"ready"}"#))
    }

    /// Refused, never ignored.
    private func addLater(to table: RouteTable<Context>) {
        let later: [(RouterPath, HTTPRequest.Method, String)] = [
            ("/v1/pushes", .post, "many pushes in one request"),
            ("/v1/pushes/:id", .get, "the report of a push"),
            ("/v1/clients/:id/commands", .post, "commands"),
            ("/v1/groups/:name/commands", .post, "commands"),
            ("/v1/commands/:id", .get, "commands"),
            ("/v1/clients/:id/mailbox", .get, "mailboxes"),
            ("/v1/clients/:id/mailbox/:push", .delete, "mailboxes"),
            ("/v1/nodes/:id/drain", .post, "draining by request"),
            ("/metrics", .get, "metrics"),
        ]
        for (path, method, what) in later {
            table.on(path, method) { _, _ in throw Problem.notImplemented(what) }
        }
    }
}

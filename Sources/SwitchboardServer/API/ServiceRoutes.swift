import HTTPTypes
import Hummingbird
import NIOCore

/// Health, readiness, the files that every node serves, and what is not there yet.
struct ServiceRoutes<Context: RequestContext> {
    let node: Node

    func add(to table: RouteTable<Context>) {
        table.get("/healthz") { _, _ in Response.json(ByteBuffer(string: #"{"status":"ok"}"#)) }
        table.get("/readyz") { _, _ in try ready() }
        let description = Asset(PackageResources.openapi_yaml, type: "application/yaml", maximumAge: 0)
        table.get("/openapi.yaml") { request, _ in description.response(to: request) }
        let script = Asset(PackageResources.switchboard_js, type: "text/javascript; charset=utf-8", maximumAge: 300)
        table.get("/switchboard.js") { request, _ in script.response(to: request) }
        table.get("/ws") { _, _ in throw Problem.upgradeRequired }
        table.get("/v1/live") { _, _ in throw Problem.upgradeRequired }
    }

    private func ready() throws(Problem) -> Response {
        if let reason = node.unreadiness { throw .notReady(reason) }
        return .json(ByteBuffer(string: #"{"status":"ready"}"#))
    }
}

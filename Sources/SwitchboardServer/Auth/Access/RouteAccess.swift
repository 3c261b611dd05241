/// Who may use which route: the whole of it, in one table.
enum RouteAccess: Hashable, Sendable {
    /// No credentials are looked at.
    case anybody
    /// Clients, who are asked for a token when they connect.
    case clients
    /// Backends with at least one of the scopes.
    case backends(Scopes)

    struct Row: Sendable {
        let method: String
        /// As it is given to the router.
        let path: String
        let access: RouteAccess
    }

    /// - Returns: nil for a route that is not in the table; it must not be served then.
    static func of(_ method: String, _ path: String) -> RouteAccess? {
        // The router answers HEAD wherever there is GET.
        index[(method == "HEAD" ? "GET" : method) + " " + path]
    }

    /// - Throws: `insufficient_scope` when the caller has none of the scopes.
    func check(_ principal: Principal) throws(Refusal) {
        guard case .backends(let wanted) = self else { return }
        guard principal.scopes.holdsOne(of: wanted) else { throw .insufficientScope(wanted) }
    }

    static let rows: [Row] = [
        row("GET", "/healthz", .anybody),
        row("GET", "/readyz", .anybody),
        row("GET", "/openapi.yaml", .anybody),
        row("GET", "/switchboard.js", .anybody),
        row("GET", "/ws", .clients),
        row("GET", "/console", .anybody),
        row("GET", "/console/:file", .anybody),
        row("GET", "/console/lib/:file", .anybody),

        row("POST", "/v1/push", .push),
        row("POST", "/v1/broadcast", .push),
        row("POST", "/v1/pushes", .push),
        row("POST", "/v1/clients/:id/push", .push),
        row("POST", "/v1/groups/:name/push", .push),
        row("POST", "/v1/clients/:id/commands", .push),
        row("POST", "/v1/groups/:name/commands", .push),
        row("PUT", "/v1/clients/:id/groups/:name", .push),
        row("DELETE", "/v1/clients/:id/groups/:name", .push),
        row("POST", "/v1/rollouts", .push),
        row("POST", "/v1/rollouts/:id/pause", .push),
        row("POST", "/v1/rollouts/:id/resume", .push),
        row("POST", "/v1/rollouts/:id/abort", .push),
        // Who could send it can take it back.
        row("DELETE", "/v1/clients/:id/mailbox/:push", .push),

        // Who sent something has to learn what became of it.
        row("GET", "/v1/pushes/:id", [.push, .read]),
        row("GET", "/v1/commands/:id", [.push, .read]),
        row("GET", "/v1/rollouts", [.push, .read]),
        row("GET", "/v1/rollouts/:id", [.push, .read]),
        row("GET", "/v1/rollouts/:id/clients", [.push, .read]),

        row("GET", "/v1/clients", .read),
        row("GET", "/v1/clients/:id", .read),
        row("GET", "/v1/clients/:id/mailbox", .read),
        row("GET", "/v1/groups", .read),
        row("GET", "/v1/groups/:name", .read),
        row("GET", "/v1/nodes", .read),
        row("GET", "/v1/nodes/:id/closes", .read),
        row("GET", "/v1/stats", .read),
        row("GET", "/v1/events", .read),
        row("GET", "/v1/pushes", .read),
        row("GET", "/v1/live", .read),
        row("GET", "/v1/alerts", .read),
        row("GET", "/v1/alerts/rules", .read),
        row("GET", "/v1/webhooks", .read),
        row("GET", "/v1/webhooks/dead", .read),
        row("GET", "/metrics", .read),

        row("DELETE", "/v1/clients/:id", .admin),
        row("DELETE", "/v1/clients/:id/mailbox", .admin),
        row("POST", "/v1/nodes/:id/drain", .admin),
        row("DELETE", "/v1/nodes/:id/drain", .admin),
        row("DELETE", "/v1/webhooks/dead", .admin),
        row("POST", "/v1/webhooks/dead/replay", .admin),
        row("DELETE", "/v1/webhooks/dead/:id", .admin),
    ]

    private static let index = Dictionary(rows.map { ($0.method + " " + $0.path, $0.access) }) { $1 }

    private static func row(_ method: String, _ path: String, _ scopes: Scopes) -> Row {
        Row(method: method, path: path, access: .backends(scopes))
    }

    private static func row(_ method: String, _ path: String, _ access: RouteAccess) -> Row {
        Row(method: method, path: path, access: access)
    }
}

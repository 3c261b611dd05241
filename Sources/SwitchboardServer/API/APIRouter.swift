import HTTPTypes
import Hummingbird

/// The whole HTTP API.
enum APIRouter {
    static func make(node: Node) -> Router<APIContext> {
        let router = Router(context: APIContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: ProblemMiddleware(node: node))
        let table = RouteTable<APIContext>()
        PushRoutes(node: node).add(to: table)
        PushStreamRoutes(node: node).add(to: table)
        PushReportRoutes(node: node).add(to: table)
        ClientRoutes(node: node).add(to: table)
        MailboxRoutes(node: node).add(to: table)
        CommandRoutes(node: node).add(to: table)
        GroupCommandRoutes(node: node).add(to: table)
        RolloutRoutes(node: node).add(to: table)
        ClusterRoutes(node: node).add(to: table)
        NodeRoutes(node: node).add(to: table)
        AlertRoutes(node: node).add(to: table)
        EventRoutes(node: node).add(to: table)
        WebhookRoutes(node: node).add(to: table)
        ServiceRoutes(node: node).add(to: table)
        ConsoleRoutes(node: node).add(to: table)
        MetricsRoutes(node: node).add(to: table)
        table.register(on: router) { access, request, context in
            try await admit(access, request, &context, node)
        }
        return router
    }

    /// Asks who wants to use a route, where somebody has to be asked.
    private static func admit(
        _ access: RouteAccess, _ request: Request, _ context: inout APIContext, _ node: Node
    ) async throws(Problem) {
        guard case .backends = access else { return }
        guard node.authenticator.policy.guardsAPI else {
            do throws(Refusal) {
                try node.pages.check(
                    origins: request.headers[values: .origin], host: request.head.authority,
                    userAgent: request.headers[.userAgent])
            } catch { throw node.refuse(error, .backend) }
            return
        }
        let (values, version) = (request.headers[values: .authorization], node.authenticator.version)
        do throws(Refusal) {
            let principal = try await node.authenticator.settledPrincipal(values)
            try access.check(principal)
            context.principal = principal
            context.standing = Standing(
                node.authenticator, principal, showing: values, access: access, version: version)
        } catch { throw node.refuse(error, .backend) }
    }
}

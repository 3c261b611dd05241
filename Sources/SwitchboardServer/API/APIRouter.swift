import HTTPTypes
import Hummingbird

/// The whole HTTP API.
enum APIRouter {
    static func make(node: Node) -> Router<APIContext> {
        let router = Router(context: APIContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: ProblemMiddleware(logger: node.logger))
        let table = RouteTable<APIContext>()
        PushRoutes(node: node).add(to: table)
        PushStreamRoutes(node: node).add(to: table)
        PushReportRoutes(node: node).add(to: table)
        ClientRoutes(node: node).add(to: table)
        MailboxRoutes(node: node).add(to: table)
        CommandRoutes(node: node).add(to: table)
        GroupCommandRoutes(node: node).add(to: table)
        ClusterRoutes(node: node).add(to: table)
        NodeRoutes(node: node).add(to: table)
        EventRoutes(node: node).add(to: table)
        WebhookRoutes(node: node).add(to: table)
        ServiceRoutes(node: node).add(to: table)
        MetricsRoutes(node: node).add(to: table)
        table.register(on: router)
        return router
    }
}

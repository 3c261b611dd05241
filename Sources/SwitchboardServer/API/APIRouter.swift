import HTTPTypes
import Hummingbird

/// The whole HTTP API.
enum APIRouter {
    static func make(node: Node) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: ProblemMiddleware(logger: node.logger))
        let table = RouteTable<BasicRequestContext>()
        PushRoutes(node: node).add(to: table)
        ClientRoutes(node: node).add(to: table)
        ClusterRoutes(node: node).add(to: table)
        ServiceRoutes(node: node).add(to: table)
        table.register(on: router)
        return router
    }
}

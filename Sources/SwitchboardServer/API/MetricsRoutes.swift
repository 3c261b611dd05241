import HTTPTypes
import Hummingbird
import NIOCore

/// `GET /metrics`: what Prometheus fetches.
struct MetricsRoutes<Context: RequestContext> {
    let node: Node

    func add(to table: RouteTable<Context>) {
        guard node.configuration.metrics else { return }
        table.get("/metrics") { request, _ in await answer(request) }
    }

    private func answer(_ request: Request) async -> Response {
        let format = ExpositionFormat(accept: request.headers[values: .accept].joined(separator: ","))
        let body = ExpositionWriter.write(await Scrape.families(of: node), as: format)
        return Response(
            status: .ok, headers: [.contentType: format.contentType, .vary: "Accept"],
            body: ResponseBody(byteBuffer: body))
    }
}

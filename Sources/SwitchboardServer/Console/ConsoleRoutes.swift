import HTTPTypes
import Hummingbird

/// The console for operators: files for browsers, which hold no secret. What they show comes by the API, with a key.
struct ConsoleRoutes<Context: RequestContext> {
    private let isOn: Bool
    private let libraries: ConsoleLibraries

    init(node: Node) {
        isOn = node.configuration.console
        libraries = ConsoleLibraries(folder: node.configuration.consoleLibraries)
    }

    func add(to table: RouteTable<Context>) {
        table.get("/console") { request, _ in
            // To the router both are one; the paths in the pages need the slash.
            request.uri.path.hasSuffix("/")
                ? try page("", request) : Response(status: .temporaryRedirect, headers: [.location: "/console/"])
        }
        table.get("/console/:file") { request, context in try page(try parameter("file", context), request) }
        table.get("/console/lib/:file") { request, context in
            guard isOn, !request.uri.path.hasSuffix("/") else { throw Problem.notFound }
            return try libraries.file(try parameter("file", context)).response(to: request)
        }
    }

    private func page(_ name: String, _ request: Request) throws -> Response {
        guard isOn, name.isEmpty || !request.uri.path.hasSuffix("/"), let file = ConsoleFiles.named(name) else {
            throw Problem.notFound
        }
        return file.response(to: request)
    }
}

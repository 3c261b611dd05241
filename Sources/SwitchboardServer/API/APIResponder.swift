import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// Answers one HTTP request by the router: what lies between Hummingbird's channel and its routes.
enum APIResponder {
    static func make(node: Node) -> HTTPChannelHandler.Responder {
        let responder = APIRouter.make(node: node).buildResponder()
        let logger = node.logger
        return { request, writer, channel in
            let context = BasicRequestContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
            var response: Response
            do {
                response = try await responder.respond(to: request, context: context)
            } catch {
                // The outermost middleware turns every error into a problem document; what comes here is the connection's.
                logger.debug("a request ended early", metadata: ["error": "\(error)"])
                response = Problem.internalError.response
            }
            response.headers[.date] = HTTPDate.now()
            try await writer.write(response: response.head, body: response.body)
        }
    }
}

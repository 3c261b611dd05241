import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Answers one HTTP request by the router: what lies between Hummingbird's channel and its routes.
enum APIResponder {
    static func make(node: Node) -> HTTPChannelHandler.Responder {
        let responder = APIRouter.make(node: node).buildResponder()
        let logger = node.logger
        return { request, writer, channel in
            let context = APIContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
            if request.headers[.expect]?.lowercased() == "100-continue", !isRefused(request, node) {
                // RFC 9110 section 10.1.1: the client holds its body back until it sees this.
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            var response: Response
            var failure: HTTPParserError?
            do {
                response = try await responder.respond(to: request, context: context)
            } catch let error as HTTPParserError {
                response = Problem.invalidRequest("the body is not framed as HTTP/1.1 asks").response
                response.headers[optional: FieldName.requestID] = RequestID.new()
                response.headers[.connection] = "close"
                failure = error
            }
            response.headers[.date] = HTTPDate.now()
            if node.isDraining { response.headers[.connection] = "close" }
            // A HEAD is answered as GET would be, without the body (RFC 9110 section 9.3.2).
            if request.method == .head { response.body = ResponseBody() }
            do {
                try await writer.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // The framework would put another answer into the middle of this one.
                throw BrokenRequest()
            }
            if failure != nil { throw BrokenRequest() }
        }
    }

    /// Who is not known need not send a body.
    private static func isRefused(_ request: Request, _ node: Node) -> Bool {
        guard case .refused = node.authenticator.principal(request.headers[values: .authorization]) else {
            return false
        }
        return true
    }

    /// Ends the connection: where the next request begins cannot be told any more.
    private struct BrokenRequest: Error {}
}

import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Turns everything that goes wrong into a problem document, and gives every response its `X-Request-Id`.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    let node: Node

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let problem as Problem {
            node.metrics.answered(with: problem)
            response = problem.response
        } catch let error as HTTPParserError {
            // The bytes of the connection are broken: only its owner can answer and close.
            throw error
        } catch let error as HTTPError where error.status.code < 500 {
            response = (error.status == .notFound ? Problem.notFound : .invalidRequest(error.body ?? "")).response
        } catch {
            node.logger.error(
                "a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            response = Problem.internalError.response
        }
        let given = RequestID.accepted(request.headers[optional: FieldName.requestID])
        response.headers[optional: FieldName.requestID] = given ?? RequestID.new()
        return response
    }
}

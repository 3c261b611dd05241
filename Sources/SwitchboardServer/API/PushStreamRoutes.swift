import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /v1/pushes`: many pushes in one request, an answer for each, while the request still comes.
struct PushStreamRoutes: Sendable {
    /// The most lines of one request.
    static let maximumLines = 10_000
    /// The longest line in bytes.
    static let maximumLineLength = 1 << 20

    /// Callers that send everything before they read anything must not be stuck: so the answers to a whole request have room.
    private static let limits = AnswerQueue.Limits(
        partsUnderWay: 128, bytesUnderWay: 4 << 20, unsentBytes: 8 << 20)

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/pushes") { request, context in try accept(request, context) }
    }

    private func accept(_ request: Request, _ context: APIContext) throws(Problem) -> Response {
        if let wait = node.delivery.throttle() { throw .rateLimited(retryAfter: wait) }
        guard request.headers[.contentEncoding] == nil else { throw .notImplemented("Content-Encoding") }
        guard request.uri.query ?? "" == "" else { throw .invalidRequest("options go into the lines") }
        guard request.headers[optional: FieldName.idempotencyKey] == nil else {
            throw .invalidRequest("an Idempotency-Key is for one push: give each line its 'id'")
        }
        let prefer = request.headers[optional: FieldName.prefer]
        if let prefer { _ = try Preference.wait(prefer) }
        let answer = StreamedAnswer(type: "application/x-ndjson", limits: Self.limits, endsWithCaller: false)
        let body = request.body
        return answer.response(on: context.channel) { queue in try await push(body, prefer: prefer, into: queue) }
    }

    private func push(_ body: RequestBody, prefer: String?, into queue: AnswerQueue) async throws {
        let endpoint = PushEndpoint(node: node)
        var lines = LineSplitter(limit: Self.maximumLineLength)
        var count = 0
        func take(_ line: ByteBuffer) async throws {
            count += 1
            guard count <= Self.maximumLines else { throw Problem.tooManyLines(Self.maximumLines) }
            let number = try await queue.begin(cost: line.readableBytes)
            endpoint.carryOut(PushRequest(route: .push, prefer: prefer, body: line)) { answer in
                queue.fill(number, Self.line(answer))
            }
        }
        do {
            for try await bytes in body {
                lines.append(bytes)
                while let line = try lines.next() { try await take(line) }
            }
            if let line = try lines.last() { try await take(line) }
        } catch is LineSplitter.TooLong {
            try await queue.add(Self.line(.failure(.lineTooLong(Self.maximumLineLength))))
        } catch let problem as Problem {
            try await queue.add(Self.line(.failure(problem)))
        }
    }

    /// The answer to a push as a line: with its status, which a problem document has already.
    static func line(_ answer: PushEndpoint.Answer) -> ByteBuffer {
        switch answer {
        case .success(let (status, body)):
            var line = body.getSlice(at: body.readerIndex, length: body.readableBytes - 1) ?? ByteBuffer()
            line.writeString(",\"status\":\(status)}\n")
            return line
        case .failure(let problem):
            var line = problem.document
            line.writeStaticString("\n")
            return line
        }
    }
}

import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardProtocol

/// `POST /v1/pushes`: many pushes in one request, an answer for each, while the request still comes.
struct PushStreamRoutes: Sendable {
    /// The most lines of one request.
    static let maximumLines = 10_000
    /// The longest line in bytes.
    static let maximumLineLength = 1 << 20

    /// Between two looks at whether the rate allows another line.
    private static let lineWait = Duration.milliseconds(20)

    /// Callers that send everything before they read anything must not be stuck: so the answers to a whole request have room.
    private static let limits = AnswerQueue.Limits(
        partsUnderWay: 128, bytesUnderWay: 4 << 20, unsentBytes: 8 << 20)

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/pushes") { request, context in try await accept(request, context) }
    }

    private func accept(_ request: Request, _ context: APIContext) async throws -> Response {
        try node.delivery.checkRate(context.principal)
        guard request.headers[.contentEncoding] == nil else { throw Problem.notImplemented("Content-Encoding") }
        guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("options go into the lines") }
        guard request.headers[optional: FieldName.idempotencyKey] == nil else {
            throw Problem.invalidRequest("an Idempotency-Key is for one push: give each line its 'id'")
        }
        let prefer = request.headers[optional: FieldName.prefer]
        if let prefer { _ = try Preference.wait(prefer) }
        let trace = request.traceContext
        let answer = StreamedAnswer(type: "application/x-ndjson", limits: Self.limits, endsWithCaller: false)
        // A body that is broken from the start is refused with a status.
        let body = try await BegunBody(request.body)
        let (principal, standing) = (context.principal, context.standing)
        return answer.response(on: context.channel) { queue in
            try await push(body, of: principal, standing, prefer: prefer, trace: trace, into: queue)
        }
    }

    private func push(
        _ body: BegunBody, of principal: Principal, _ standing: Standing?, prefer: String?, trace: TraceContext?,
        into queue: AnswerQueue
    ) async throws {
        var lines = LineSplitter(limit: Self.maximumLineLength)
        var count = 0
        var mayOvertake = false
        func take(_ line: ByteBuffer) async throws {
            // The rest is not read meanwhile, so that who sends it is slowed down.
            while !node.delivery.takesLine(principal) { try await Task.sleep(for: Self.lineWait) }
            if let refusal = standing?.refusal { throw node.refuse(refusal, .backend) }
            count += 1
            guard count <= Self.maximumLines else { throw Problem.tooManyLines(Self.maximumLines) }
            let request = PushRequest(route: .push, prefer: prefer, trace: trace, body: line)
            let order: PushOrder
            do { order = try request.accepted() } catch { return try await queue.add(answer(.failure(error))) }
            let isNamed = request.key(order) != nil
            if !isNamed, mayOvertake {
                // The store is asked about those with a name before they leave.
                try await queue.settle()
                mayOvertake = false
            }
            if isNamed { mayOvertake = true }
            let number = try await queue.begin(cost: line.readableBytes)
            PushEndpoint(node: node).carryOut(order, of: request) { queue.fill(number, answer($0)) }
        }
        do {
            while let bytes = try await body.next() {
                lines.append(bytes)
                while let line = try lines.next() { try await take(line) }
            }
            if let line = try lines.last() { try await take(line) }
        } catch is LineSplitter.TooLong {
            try await queue.add(answer(.failure(.lineTooLong(Self.maximumLineLength))))
        } catch let problem as Problem {
            try await queue.add(answer(.failure(problem)))
        }
    }

    /// The line for an answer, which is counted.
    private func answer(_ answer: PushEndpoint.Answer) -> ByteBuffer {
        if case .failure(let problem) = answer { node.metrics.answered(with: problem) }
        return Self.line(answer)
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

/// A request's body whose first piece has been read already.
///
/// Unchecked, since the iterator is not made to be handed over: the task that reads the first piece does nothing with it
/// afterwards, and one other task reads the rest.
private final class BegunBody: @unchecked Sendable {
    private var iterator: RequestBody.AsyncIterator
    private var first: ByteBuffer?

    init(_ body: RequestBody) async throws {
        iterator = body.makeAsyncIterator()
        first = try await iterator.next()
    }

    func next() async throws -> ByteBuffer? {
        if let first {
            self.first = nil
            return first
        }
        return try await iterator.next()
    }
}

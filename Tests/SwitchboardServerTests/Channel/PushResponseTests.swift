import NIOCore
import NIOHTTP1
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct PushResponseTests {
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"

    private func bytes(_ answer: PushEndpoint.Answer, isLast: Bool = false) -> ByteBuffer {
        PushResponse.bytes(answer, requestID: "r-1", date: Self.date, isLast: isLast)
    }

    private func response(_ answer: PushEndpoint.Answer, isLast: Bool = false) throws -> ReferenceResponse {
        let responses = try ReferenceResponse.all(in: bytes(answer, isLast: isLast))
        #expect(responses.count == 1)
        return try #require(responses.first)
    }

    @Test(arguments: [(200, "OK"), (202, "Accepted")])
    func answers(status: Int, reason: String) throws {
        let body = ByteBuffer(string: #"{"id":"p","matched":1}"#)
        let response = try response(.success((status, body)))
        #expect(response.head.status.code == UInt(status))
        #expect(response.head.status.reasonPhrase == reason)
        #expect(response.head.headers["Content-Type"] == ["application/json"])
        #expect(response.head.headers["Content-Length"] == ["\(body.readableBytes)"])
        #expect(response.head.headers["X-Request-Id"] == ["r-1"])
        #expect(response.head.headers["Date"] == [Self.date])
        #expect(response.head.headers["Connection"].isEmpty)
        #expect(response.body == body)
        #expect(response.isKeptAlive)
    }

    @Test(
        arguments: [
            (Problem.invalidRequest("\u{E9}\n\"x\""), "Bad Request", nil),
            (.clientOffline(client("a")), "Not Found", nil),
            (.tooManyGroups(3), "Conflict", nil), (.bodyTooLarge(3), "Content Too Large", nil),
            (.rateLimited(retryAfter: 7), "Too Many Requests", "7"), (.notImplemented("x"), "Not Implemented", nil),
            (.busUnavailable("x"), "Service Unavailable", "1"),
            (.overloaded("x", retryAfter: 5), "Service Unavailable", "5"),
        ] as [(Problem, String, String?)])
    func problems(problem: Problem, reason: String, retryAfter: String?) throws {
        let response = try response(.failure(problem))
        #expect(response.head.status.code == UInt(problem.status))
        #expect(String(buffer: bytes(.failure(problem))).hasPrefix("HTTP/1.1 \(problem.status) \(reason)\r\n"))
        #expect(response.head.headers["Content-Type"] == ["application/problem+json"])
        #expect(response.head.headers["Content-Length"] == ["\(problem.document.readableBytes)"])
        #expect(response.head.headers["Retry-After"] == (retryAfter.map { [$0] } ?? []))
        #expect(response.head.headers["X-Request-Id"] == ["r-1"])
        #expect(response.body == problem.document)
    }

    @Test func theLastAnswerSaysSo() throws {
        let body = ByteBuffer(string: "{}")
        #expect(try !response(.success((200, body)), isLast: true).isKeptAlive)
        #expect(try !response(.failure(.notFound), isLast: true).isKeptAlive)
    }

    /// Nothing may be read as part of the next answer.
    @Test func answersBehindEachOtherStayApart() throws {
        let answers: [PushEndpoint.Answer] = [
            .success((200, ByteBuffer(string: "{}"))), .failure(.invalidGroup), .success((202, ByteBuffer())),
            .failure(.busUnavailable("away")),
        ]
        var wire = ByteBuffer()
        for answer in answers { wire.writeImmutableBuffer(bytes(answer)) }
        let responses = try ReferenceResponse.all(in: wire, count: answers.count)
        #expect(responses.map(\.head.status.code) == [200, 400, 202, 503])
        let bodies = [
            "{}", String(buffer: Problem.invalidGroup.document), "",
            String(buffer: Problem.busUnavailable("away").document),
        ]
        #expect(responses.map { String(buffer: $0.body) } == bodies)
    }
}

import NIOCore
import SwitchboardProtocol

/// The bytes of an answer to a push (RFC 9112).
enum PushResponse {
    static func bytes(_ answer: PushEndpoint.Answer, requestID: String, date: String, isLast: Bool) -> ByteBuffer {
        var buffer = ByteBuffer()
        switch answer {
        case .success(let (status, body)):
            buffer.reserveCapacity(body.readableBytes + 200)
            buffer.writeStaticString(status == 200 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 202 Accepted\r\n")
            buffer.writeStaticString("Content-Type: application/json\r\n")
            finish(&buffer, body, requestID, date, isLast)
        case .failure(let problem):
            buffer.writeString("HTTP/1.1 \(problem.status) \(problem.reasonPhrase)\r\n")
            buffer.writeString("Content-Type: \(Problem.contentType)\r\n")
            for (name, value) in problem.headers { buffer.writeString("\(name): \(value)\r\n") }
            finish(&buffer, problem.document, requestID, date, isLast)
        }
        return buffer
    }

    private static func finish(
        _ buffer: inout ByteBuffer, _ body: ByteBuffer, _ requestID: String, _ date: String, _ isLast: Bool
    ) {
        buffer.writeStaticString("Content-Length: ")
        buffer.writeDecimal(body.readableBytes)
        buffer.writeStaticString("\r\nX-Request-Id: ")
        buffer.writeString(requestID)
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(date)
        buffer.writeStaticString(isLast ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n")
        buffer.writeImmutableBuffer(body)
    }
}

extension Problem {
    /// RFC 9110 section 15.
    fileprivate var reasonPhrase: String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 429: "Too Many Requests"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }
}

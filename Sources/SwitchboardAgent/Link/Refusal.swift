import NIOCore
import NIOHTTP1
import SwitchboardProtocol

/// The HTTP answer that refused the upgrade.
package struct Refusal: Equatable, Sendable, CustomStringConvertible {
    package var status: Int
    /// Seconds.
    var retryAfter: Double?
    /// The stable code of a problem document (RFC 9457).
    var code: String?
    var message: String

    init(status: Int, retryAfter: Double? = nil, code: String? = nil, message: String) {
        self.status = status
        self.retryAfter = retryAfter
        self.code = code
        self.message = message
    }

    /// - Parameter now: Unix time in seconds, for a `Retry-After` that names a date.
    init(head: HTTPResponseHead, body: ByteBuffer, now: Double) {
        status = Int(head.status.code)
        retryAfter = head.headers.first(name: "retry-after").flatMap { RetryAfter.seconds($0, now: now) }
        message = head.status.reasonPhrase
        guard let problem = try? JSONDocument(body) else { return }
        code = problem["code"].flatMap(problem.string)
        message = problem["detail"].flatMap(problem.string) ?? problem["title"].flatMap(problem.string) ?? message
    }

    package var description: String { "\(code.map { $0 + ": " } ?? "")\(message) (\(status))" }
}

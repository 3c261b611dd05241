import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What is posted to a backend.
struct WebhookRequest: Sendable {
    var url: String
    var contentType: String
    var body: ByteBuffer
    /// Seconds.
    var timeout: Double

    /// One event, or the question whether a client may connect.
    static func single(_ document: ByteBuffer, to url: String, timeout: Double) -> WebhookRequest {
        WebhookRequest(
            url: url, contentType: "application/cloudevents+json; charset=utf-8", body: document, timeout: timeout)
    }

    static func batch(_ documents: [ByteBuffer], to url: String, timeout: Double) -> WebhookRequest {
        var body = ByteBuffer()
        body.reserveCapacity(documents.reduce(2) { $0 + $1.readableBytes + 1 })
        body.writeInteger(UInt8(ascii: "["))
        for (index, document) in documents.enumerated() {
            if index > 0 { body.writeInteger(UInt8(ascii: ",")) }
            body.writeImmutableBuffer(document)
        }
        body.writeInteger(UInt8(ascii: "]"))
        return WebhookRequest(
            url: url, contentType: "application/cloudevents-batch+json; charset=utf-8", body: body, timeout: timeout)
    }
}

/// What came of it.
enum WebhookAnswer: Hashable, Sendable {
    /// - Parameters:
    ///   - retryAfter: Seconds, when the backend has said so.
    ///   - body: nil when it is too long.
    case status(Int, retryAfter: Double? = nil, body: ByteBuffer? = nil)
    /// Nothing that could be understood, in a few words.
    case nothing(String)

    var isSuccess: Bool {
        if case .status(200...299, _, _) = self { true } else { false }
    }
}

/// Posts a request; never throws, and takes hardly longer than the request may take.
typealias WebhookPoster = @Sendable (WebhookRequest) async -> WebhookAnswer

import NIOCore
import NIOEmbedded
import NIOHTTP1

/// A request as NIO's own parser understands it: the reference for ours.
struct ReferenceRequest {
    let head: HTTPRequestHead
    let body: ByteBuffer

    /// - Returns: The first request in the bytes; nil when it is not complete.
    /// - Throws: when the bytes are not HTTP.
    static func first(in bytes: ByteBuffer) throws -> ReferenceRequest? {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        try channel.writeInbound(bytes)
        var head: HTTPRequestHead?
        var body = ByteBuffer()
        while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let found): head = found
            case .body(var piece): body.writeBuffer(&piece)
            case .end: return head.map { ReferenceRequest(head: $0, body: body) }
            }
        }
        return nil
    }
}

/// A response as NIO's own parser understands it.
struct ReferenceResponse {
    let head: HTTPResponseHead
    let body: ByteBuffer
    let isKeptAlive: Bool

    /// All responses in the bytes, each to a `POST`.
    static func all(in bytes: ByteBuffer, count: Int = 1) throws -> [ReferenceResponse] {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        for _ in 0..<count {
            try channel.writeOutbound(
                HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/push")))
        }
        try channel.writeInbound(bytes)
        var responses: [ReferenceResponse] = []
        var head: HTTPResponseHead?
        var body = ByteBuffer()
        while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
            switch part {
            case .head(let found): head = found
            case .body(var piece): body.writeBuffer(&piece)
            case .end:
                if let head {
                    responses.append(ReferenceResponse(head: head, body: body, isKeptAlive: head.isKeepAlive))
                }
                head = nil
                body = ByteBuffer()
            }
        }
        return responses
    }
}

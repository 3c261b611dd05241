import NIOCore
import NIOHTTP1
import NIOWebSocket
import SwitchboardProtocol

/// The handshake of RFC 6455, whoever connects: NIO's own upgrader checks it and computes the accept key.
struct WebSocketHandshake: Sendable {
    private let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
        upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })

    /// The headers of the 101.
    ///
    /// - Parameters:
    ///   - refusal: Where it is noted when NIO finds fault with the request.
    ///   - add: Adds headers of ours.
    func response(
        to request: HTTPRequestHead, on channel: any Channel, initial: HTTPHeaders,
        refusal: NIOLoopBoundBox<Problem?>, adding add: @escaping @Sendable (inout HTTPHeaders) -> Void
    ) -> EventLoopFuture<HTTPHeaders> {
        let response = upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: request, initialResponseHeaders: initial
        ).map { headers in
            var headers = headers
            add(&headers)
            return headers
        }
        response.whenFailure { _ in refusal.value = refusal.value ?? .invalidUpgrade }
        return response
    }

    /// The connection speaks HTTP no more; what comes next in its pipeline is a handler of WebSocket's.
    static func complete(on channel: any Channel) throws {
        try channel.syncOptions?.setOption(.autoRead, value: true)
        // The client's FIN is to end the connection; half-open it would stay for ever.
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
        let guardian = try channel.pipeline.syncOperations.handler(type: HTTPGuardHandler.self)
        channel.pipeline.syncOperations.removeHandler(guardian, promise: nil)
    }
}

extension HTTPRequestHead {
    /// - Throws: what is wrong with it as a WebSocket handshake, or with the page that it comes from.
    func checkHandshake(of node: Node) throws(Problem) {
        do throws(Refusal) {
            try node.pages.check(
                origins: headers["origin"], host: headers.first(name: "host"),
                userAgent: headers.first(name: "user-agent"))
        } catch { throw Problem(error) }
        // RFC 6455 section 4.2.1: HTTP/1.1 or higher.
        guard (version.major, version.minor) >= (1, 1) else { throw .invalidUpgrade }
        guard headers["sec-websocket-version"] == ["13"] else { throw .upgradeRequired }
        // 16 bytes in base 64, once (RFC 6455 section 4.2.1).
        let keys = headers["sec-websocket-key"]
        guard keys.count == 1, keys[0].utf8.count == 24, Base64.decode(keys[0])?.readableBytes == 16,
            headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else { throw .invalidUpgrade }
    }
}

import NIOCore
import NIOHTTP1
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

/// Asks for a WebSocket, and sets its pipeline up when the node has agreed.
///
/// NIO's own upgrader makes the key and checks the answer to it (RFC 6455 section 4.1); the pipeline that follows is NIO's
/// encoder and one handler of ours, which reads bytes.
struct SocketUpgrader: NIOTypedHTTPClientProtocolUpgrader {
    typealias UpgradeResult = Connector.Outcome

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let subprotocol: String
    private let compression: DeflateProposal?
    private let makeHandler: @Sendable (DeflateAgreement?) -> any ChannelHandler
    private let handshake = NIOTypedWebSocketClientUpgrader<Void>(enableAutomaticErrorHandling: false) { channel, _ in
        channel.eventLoop.makeSucceededVoidFuture()
    }

    /// - Parameters:
    ///   - subprotocol: What is to be spoken.
    ///   - compression: What to offer; nil for nothing.
    ///   - makeHandler: Makes the handler of the open WebSocket, on the event loop.
    init(
        subprotocol: String, compression: DeflateProposal?,
        makeHandler: @escaping @Sendable (DeflateAgreement?) -> any ChannelHandler
    ) {
        self.subprotocol = subprotocol
        self.compression = compression
        self.makeHandler = makeHandler
    }

    func addCustom(upgradeRequestHeaders headers: inout HTTPHeaders) {
        handshake.addCustom(upgradeRequestHeaders: &headers)
        if let compression { headers.add(name: "Sec-WebSocket-Extensions", value: compression.header) }
    }

    func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
        handshake.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
    }

    func upgrade(channel: any Channel, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<Connector.Outcome> {
        channel.eventLoop.makeCompletedFuture {
            let agreement = try check(upgradeResponse.headers)
            try channel.pipeline.syncOperations.addHandlers(WebSocketFrameEncoder(), makeHandler(agreement))
            return .open
        }
    }

    /// What RFC 6455 section 4.1 asks a client to check beyond NIO's own checks.
    ///
    /// - Returns: What was agreed on; nil without compression.
    private func check(_ headers: HTTPHeaders) throws -> DeflateAgreement? {
        guard headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }) else {
            throw HandshakeError("the answer lacks 'Connection: upgrade'")
        }
        guard headers["sec-websocket-protocol"] == [subprotocol] else {
            throw HandshakeError("the node does not speak \(subprotocol)")
        }
        let extensions = headers["sec-websocket-extensions"]
        guard let compression else {
            guard extensions.isEmpty else {
                throw HandshakeError("the node chose an extension that was not offered")
            }
            return nil
        }
        do throws(DeflateNegotiationError) { return try compression.agreement(from: extensions) } catch {
            throw HandshakeError(error.description)
        }
    }
}

/// The answer to the upgrade was not what was asked for.
struct HandshakeError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

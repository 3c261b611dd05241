import NIOCore
import NIOHTTP1

/// Hands a WebSocket handshake to the upgrader of its path: NIO knows one for each protocol.
final class SocketUpgradeSwitch: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = NegotiatedConnection

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let clients: SessionUpgrader
    private let operators: LiveUpgrade

    init(clients: SessionUpgrader, operators: LiveUpgrade) {
        self.clients = clients
        self.operators = operators
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        isOperators(upgradeRequest)
            ? operators.buildUpgradeResponse(
                channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
            : clients.buildUpgradeResponse(
                channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<NegotiatedConnection> {
        isOperators(upgradeRequest)
            ? operators.upgrade(channel: channel, upgradeRequest: upgradeRequest)
            : clients.upgrade(channel: channel, upgradeRequest: upgradeRequest)
    }

    private func isOperators(_ head: HTTPRequestHead) -> Bool { head.uri.prefix { $0 != "?" } == LiveUpgrade.path }
}

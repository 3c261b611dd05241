import NIOCore
import NIOHTTP1
import SwitchboardCore
import SwitchboardProtocol

/// `GET /v1/live`: decides on operators who want to connect, and turns the connection into a ``LiveSession``.
final class LiveUpgrade: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = NegotiatedConnection

    static let path = "/v1/live"

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    /// Who asks, as far as the request says.
    private struct Accepted {
        var address: String
        /// nil until a `hello` shows a key.
        var caller: LiveCaller?
    }

    private let node: Node
    private let peer: Peer
    private let refusal: NIOLoopBoundBox<Problem?>
    private let place: AddressPlace
    private let accepted: NIOLoopBoundBox<Accepted?>
    private let handshake = WebSocketHandshake()

    /// - Parameters:
    ///   - refusal: Where the reason is noted when the upgrade is refused (see ``SessionUpgrader``).
    ///   - place: The connection's among those of its address.
    init(node: Node, peer: Peer, refusal: NIOLoopBoundBox<Problem?>, place: AddressPlace) {
        self.node = node
        self.peer = peer
        self.refusal = refusal
        self.place = place
        accepted = NIOLoopBoundBox(nil, eventLoop: refusal.eventLoop)
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let loop = channel.eventLoop
        // NIO asks again for every further protocol that the request names, however often it names ours.
        if let problem = refusal.value { return loop.makeFailedFuture(problem) }
        do throws(Problem) { try check(upgradeRequest, channel) } catch {
            refusal.value = error
            return loop.makeFailedFuture(error)
        }
        let response = handshake.response(
            to: upgradeRequest, on: channel, initial: initialResponseHeaders, refusal: refusal
        ) { $0.replaceOrAdd(name: "Sec-WebSocket-Protocol", value: ConnectionMode.operatorSubprotocol) }
        let shown = upgradeRequest.headers["authorization"]
        guard node.authenticator.policy.guardsAPI, !shown.isEmpty else { return response }
        // The codec keeps whatever comes meanwhile.
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
        return admit(shown, on: loop).flatMap { response }
    }

    private func check(_ head: HTTPRequestHead, _ channel: any Channel) throws(Problem) {
        try head.checkHandshake(of: node)
        guard head.isMostlyASCII else { throw .invalidRequest("the head is to be ASCII") }
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"]
        guard offered.contains(where: { $0 == ConnectionMode.operatorSubprotocol }) else {
            throw .unknownOperatorSubprotocol
        }
        guard node.live.hasRoom(for: .known) else {
            throw .overloaded("there are \(LiveSockets.limit) operator sockets already").counted(.watchers)
        }
        let address = ClientAddress.text(
            peer: peer.address(on: channel), forwarded: head.headers["x-forwarded-for"],
            trusted: node.configuration.trustedProxies)
        guard place.take(address) else {
            throw .tooManyConnections(retryAfter: SessionUpgrader.retryAfter(atLeast: 5))
        }
        accepted.value = Accepted(
            address: address, caller: node.authenticator.policy.guardsAPI ? nil : LiveCaller())
    }

    private func admit(_ authorization: [String], on loop: any EventLoop) -> EventLoopFuture<Void> {
        let (node, refusal, accepted) = (node, refusal, accepted)
        return loop.makeFutureWithTask { () -> Result<LiveCaller, Refusal> in
            do throws(Refusal) { return .success(try await node.admitOperator(showing: authorization)) } catch {
                return .failure(error)
            }
        }.flatMapThrowing { answer in
            switch answer {
            case .success(let caller): accepted.value?.caller = caller
            case .failure(let reason):
                let problem = node.refuse(reason, .backend)
                refusal.value = problem
                throw problem
            }
        }
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<NegotiatedConnection> {
        channel.eventLoop.makeCompletedFuture {
            guard let accepted = accepted.value else { throw ChannelError.operationUnsupported }
            try WebSocketHandshake.complete(on: channel)
            // What was there before looks idle for ever, and idle connections give way to others.
            node.shard(of: channel.eventLoop).connections[ObjectIdentifier(channel)]?.occupant = nil
            try channel.pipeline.syncOperations.addHandler(
                LiveSession(node: node, loop: channel.eventLoop, address: accepted.address, caller: accepted.caller))
            return .operatorSocket
        }
    }
}

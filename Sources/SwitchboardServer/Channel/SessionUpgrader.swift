import NIOCore
import NIOHTTP1
import NIOPosix
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// Decides on upgrade requests and turns the connection into a session.
///
/// The pipeline that follows is one handler of ours, which reads bytes and sends finished frames.
final class SessionUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = NegotiatedConnection

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let node: Node
    private let peer: Peer
    private let refusal: NIOLoopBoundBox<Problem?>
    private let place: AddressPlace
    private let accepted: NIOLoopBoundBox<ConnectRequest?>
    private let handshake = WebSocketHandshake()

    /// - Parameters:
    ///   - peer: Who is connected.
    ///   - refusal: Where the reason is noted when the upgrade is refused. NIO drops the request then, so whoever set the
    ///     pipeline up has to answer it.
    ///   - place: The connection's among those of its address.
    init(node: Node, peer: Peer, refusal: NIOLoopBoundBox<Problem?>, place: AddressPlace) {
        self.node = node
        self.place = place
        self.peer = peer
        self.refusal = refusal
        accepted = NIOLoopBoundBox(nil, eventLoop: refusal.eventLoop)
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let loop = channel.eventLoop
        // NIO asks again for every further protocol that the request names, however often it names ours.
        if let problem = refusal.value { return loop.makeFailedFuture(problem) }
        let request: ConnectRequest
        do throws(Problem) {
            request = try admit(upgradeRequest, from: channel)
        } catch {
            return refuse(error, on: loop)
        }
        accepted.value = request
        let response = handshake.response(
            to: upgradeRequest, on: channel, initial: initialResponseHeaders, refusal: refusal
        ) { headers in
            if request.mode == .framed {
                headers.replaceOrAdd(name: "Sec-WebSocket-Protocol", value: ConnectionMode.framedSubprotocol)
            }
            if let compression = request.compression {
                headers.replaceOrAdd(name: "Sec-WebSocket-Extensions", value: compression.header)
            }
        }
        guard let permission = permission(for: upgradeRequest, on: loop) else { return response }
        // The codec keeps whatever comes meanwhile.
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
        return permission.flatMapThrowing { try self.checkRoom(channel) }.flatMap { response }
    }

    /// What has to be found out before the upgrade; nil when there is nothing.
    private func permission(for head: HTTPRequestHead, on loop: any EventLoop) -> EventLoopFuture<Void>? {
        guard let request = accepted.value else { return nil }
        if let token = request.token {
            return settle(token, on: loop).flatMap {
                self.permission(for: head, on: loop) ?? loop.makeSucceededVoidFuture()
            }
        }
        // Who has not shown who it is learns nothing of others yet.
        guard !request.awaitsToken else { return nil }
        var permission: EventLoopFuture<Void>?
        if node.configuration.duplicates == .reject, let client = request.client {
            permission = rejectDuplicate(client, on: loop)
        }
        // A framed client may yet say in its first frame who it is; then it is asked about when it has.
        if let hook = node.webhooks?.connecting, !isEcho(head), request.mode == .raw || request.client != nil {
            permission =
                permission?.flatMap { self.ask(hook, about: request, on: loop) } ?? ask(hook, about: request, on: loop)
        }
        return permission
    }

    /// The token names a key that is not there yet.
    private func settle(_ token: String, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let (node, refusal, accepted) = (node, refusal, accepted)
        return loop.makeFutureWithTask { await node.authenticator.settled(token) }.flatMapThrowing { answer in
            do throws(Problem) { try accepted.value?.admit(answer, on: node) } catch {
                refusal.value = error
                throw error
            }
        }
    }

    /// Asked again after the wait: others have come, or the node has begun to drain.
    private func checkRoom(_ channel: any Channel) throws {
        let shard = node.shard(of: channel.eventLoop)
        do throws(Problem) { try checkRoom(on: shard) } catch {
            refusal.value = error
            throw error
        }
    }

    private func checkRoom(on shard: Shard) throws(Problem) {
        guard !node.isDraining else { throw refused("the node is draining", shard) }
        guard node.bus.isAvailable else { throw .busUnavailable("clients cannot be registered now") }
        let limit = node.configuration.maximumConnections
        guard limit == 0 || node.socketCount.value < limit else {
            throw refused("the node holds as many connections as it may", shard, atLeast: 5).counted(.connections)
        }
    }

    private func ask(
        _ hook: ConnectingHook, about request: ConnectRequest, on loop: any EventLoop
    ) -> EventLoopFuture<Void> {
        let (refusal, accepted) = (refusal, accepted)
        return loop.makeFutureWithTask { () -> Result<ConnectRequest, Problem> in
            do throws(Problem) { return .success(try await hook.admit(request)) } catch { return .failure(error) }
        }.flatMapThrowing { answer in
            if case .failure(let problem) = answer { refusal.value = problem }
            accepted.value = try answer.get()
        }
    }

    private func admit(_ head: HTTPRequestHead, from channel: any Channel) throws(Problem) -> ConnectRequest {
        let path = head.uri.prefix { $0 != "?" }
        guard path == "/ws" || isEcho(head) else { throw .notFound }
        try head.checkHandshake(of: node)
        let shard = node.shard(of: channel.eventLoop)
        try checkRoom(on: shard)
        guard shard.acceptance.take(now: MonotonicClock.nanoseconds()) else {
            throw refused("too many connections at once", shard, atLeast: shard.acceptance.retryAfter)
                .counted(.acceptRate)
        }
        var request = try ConnectRequest(head, remote: peer.address(on: channel), configuration: node.configuration)
        guard place.take(request.address) else {
            throw .tooManyConnections(retryAfter: Self.retryAfter(atLeast: 5))
        }
        try request.authenticate(on: node, mayShowLater: request.mode == .framed && !isEcho(head))
        return request
    }

    /// - Parameter atLeast: Seconds; each client is told another number, so that they do not come back together.
    private func refused(_ detail: String, _ shard: Shard, atLeast seconds: Int = 1) -> Problem {
        shard.counters.refused += 1
        return .overloaded(detail, retryAfter: Self.retryAfter(atLeast: seconds))
    }

    /// Each client is told another number.
    static func retryAfter(atLeast seconds: Int) -> Int { Int.random(in: seconds...seconds + retrySpread) }

    /// Seconds over which clients that were refused come back.
    private static let retrySpread = 4

    private func refuse<Value>(_ problem: Problem, on loop: any EventLoop) -> EventLoopFuture<Value> {
        refusal.value = problem
        return loop.makeFailedFuture(problem)
    }

    /// Before the upgrade, so that the answer is a 409; that two arrive at once is settled when they register.
    private func rejectDuplicate(_ client: ClientID, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let store = node.store
        let refusal = self.refusal
        return loop.makeFutureWithTask { try await store.client(client) }.flatMapThrowing { presence in
            guard let presence, presence.state == .online, let node = presence.node else { return }
            let problem = Problem.duplicateClient(on: node)
            refusal.value = problem
            throw problem
        }
    }

    private func isEcho(_ head: HTTPRequestHead) -> Bool {
        node.configuration.diagnostics && head.uri.prefix { $0 != "?" } == "/ws/echo"
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<NegotiatedConnection> {
        channel.eventLoop.makeCompletedFuture {
            guard let request = accepted.value else { throw ChannelError.operationUnsupported }
            try WebSocketHandshake.complete(on: channel)
            if request.awaitsToken { try channel.pipeline.syncOperations.addHandler(HelloGate()) }
            let shard = node.shard(of: channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(
                isEcho(upgradeRequest)
                    ? EchoHandler(shard: shard, compression: request.compression)
                    : Session(shard: shard, request: request))
            return .webSocket
        }
    }
}

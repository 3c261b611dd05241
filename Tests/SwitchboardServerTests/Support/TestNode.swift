import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import SwitchboardProtocol

@testable import SwitchboardCore
@testable import SwitchboardServer

func client(_ name: String) -> ClientID { ClientID(unchecked: name) }
func group(_ name: String) -> GroupName { GroupName(unchecked: name) }

/// A node with one event loop that stands still until the test lets time pass. Its sessions have no sockets.
final class TestNode {
    let loop = EmbeddedEventLoop()
    let cluster: InProcessCluster
    let node: Node

    var shard: Shard { node.shards[0] }

    /// - Parameter authenticator: Who says who somebody is; without one nobody is asked.
    init(authenticator: Authenticator = .open, _ change: (inout ServerConfiguration) -> Void = { _ in }) {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        change(&configuration)
        cluster = InProcessCluster(resumeWindow: configuration.resumeWindow)
        let (bus, store) = cluster.makeNode(configuration.node)
        node = Node(
            configuration: configuration, bus: bus, store: store, busHealth: BusHealth(nil),
            authenticator: authenticator, loops: [loop],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// What comes of a handshake.
    ///
    /// - Parameters:
    ///   - extensions: In `Sec-WebSocket-Extensions`.
    ///   - token: In the header `Authorization`.
    func request(_ uri: String, isFramed: Bool = false, extensions: String? = nil, token: String? = nil) throws
        -> ConnectRequest
    {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri)
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if isFramed { head.headers.add(name: "Sec-WebSocket-Protocol", value: ConnectionMode.framedSubprotocol) }
        if let extensions { head.headers.add(name: "Sec-WebSocket-Extensions", value: extensions) }
        var request = try ConnectRequest(head, remote: nil, configuration: node.configuration)
        try request.authenticate(on: node, mayShowLater: isFramed)
        return request
    }

    /// A session that has no connection.
    func session(_ uri: String = "/ws", isFramed: Bool = false, extensions: String? = nil, token: String? = nil) throws
        -> Session
    {
        Session(shard: shard, request: try request(uri, isFramed: isFramed, extensions: extensions, token: token))
    }

    /// A session that takes part.
    func member() throws -> Session {
        let session = try session()
        session.phase = .open
        return session
    }

    func presence(of name: String) -> ClientPresence? { cluster.presence.client(client(name)) }
}

extension Authenticator {
    /// Where nobody is asked who it is.
    static var open: Authenticator {
        Authenticator(
            policy: AccessPolicy(guardsAPI: false, guardsClients: false), keys: nil, signers: nil,
            verifier: TokenVerifier(), maximumGroups: 0)
    }
}

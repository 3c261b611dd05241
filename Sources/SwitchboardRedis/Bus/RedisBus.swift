import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol
import Synchronization

/// How nodes talk through Redis: a shared channel, and one channel for each node. In a Redis Cluster both are sharded channels.
public final class RedisBus: Bus {
    public let node: NodeID
    let link: RedisLink
    /// `PUBLISH` or `SPUBLISH`, and the shared channel, in RESP.
    private let sharedHead: ByteBuffer
    /// The first argument of the routing script, in RESP.
    private let routeHead: ByteBuffer
    private let published = Atomic<Int>(0)

    init(link: RedisLink) {
        self.node = link.configuration.node
        self.link = link
        var head = CommandBuffer()
        head.argument(link.dialect.publish)
        head.argument(link.keys.push)
        sharedHead = head.joined()
        head.argument(link.keys.nodeChannelHead)
        routeHead = head.joined()
    }

    /// Messages sent, by whichever way.
    var publishes: Int { published.load(ordering: .relaxed) }

    public var isAvailable: Bool { link.isOpen }

    public func attach(_ receiver: any BusReceiver) { link.attach(receiver) }

    public func publish(_ message: BusMessage, completion: @escaping @Sendable (Result<Int, BusError>) -> Void) {
        let bytes = BusCodec.encode(message)
        published.add(1, ordering: .relaxed)
        link.send(.receivers(completion)) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.prepared(self.sharedHead)
            buffer.argument(bytes)
        }
    }

    public func route(
        _ message: BusMessage, to client: ClientID,
        completion: @escaping @Sendable (Result<RouteOutcome, BusError>) -> Void
    ) {
        guard link.configuration.routing == .directed else {
            return publish(message) { result in
                completion(result.map { $0 > 0 ? .routed(nodes: $0) : .offline })
            }
        }
        published.add(1, ordering: .relaxed)
        guard !link.isCluster else { return routeInCluster(message, to: client, completion) }
        route(
            RouteCall(
                bus: self, message: BusCodec.encode(message), client: client.rawValue, isRepeated: false,
                completion: completion))
    }

    /// The node's channel is on another slot: the script looks up where the client is, and the link publishes.
    private func routeInCluster(
        _ message: BusMessage, to client: ClientID,
        _ completion: @escaping @Sendable (Result<RouteOutcome, BusError>) -> Void
    ) {
        let bytes = BusCodec.encode(message)
        link.run(.route, keys: 1, arguments: 2) { buffer in
            buffer.argument(self.link.keys.client, client.rawValue)
            buffer.prepared(self.routeHead)
            buffer.argument(bytes)
        } completion: { result in
            completion(result.map { $0.integer ?? 0 > 0 ? .routed(nodes: 1) : .offline })
        }
    }

    /// Redis has forgotten the script: sends it itself. Messages that were sent meanwhile may be ahead of this one.
    func repeatRoute(_ call: RouteCall) {
        var call = call
        call.isRepeated = true
        route(call)
    }

    private func route(_ call: RouteCall) {
        link.send(.route(call)) { buffer, scripts in
            buffer.call(.route, by: scripts, isForgotten: call.isRepeated, keys: 1, arguments: 2)
            buffer.argument(self.link.keys.client, call.client)
            buffer.prepared(self.routeHead)
            buffer.argument(call.message)
        }
    }

    public func send(_ message: BusMessage, to node: NodeID) {
        let bytes = BusCodec.encode(message)
        published.add(1, ordering: .relaxed)
        link.send(.nobody) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument(self.link.dialect.publish)
            buffer.argument(self.link.keys.nodeChannel, node.rawValue)
            buffer.argument(bytes)
        }
    }
}

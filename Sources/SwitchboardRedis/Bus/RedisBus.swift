import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol
import Synchronization

/// How nodes talk through Redis: a shared channel, and one channel for each node.
public final class RedisBus: Bus {
    public let node: NodeID
    let link: RedisLink
    /// `PUBLISH` and the shared channel, in RESP.
    private let sharedHead: ByteBuffer
    /// The first argument of the routing script, in RESP.
    private let routeHead: ByteBuffer
    private let published = Atomic<Int>(0)

    init(link: RedisLink) {
        self.node = link.configuration.node
        self.link = link
        var head = CommandBuffer()
        head.argument("PUBLISH" as StaticString)
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
        route(
            RouteCall(
                bus: self, message: BusCodec.encode(message), client: client.rawValue, isRepeated: false,
                completion: completion))
    }

    /// Redis has forgotten the script: sends it itself. Messages that were sent meanwhile may be ahead of this one.
    func repeatRoute(_ call: RouteCall) {
        var call = call
        call.isRepeated = true
        route(call)
    }

    private func route(_ call: RouteCall) {
        link.send(.route(call)) { buffer, scripts in
            buffer.call(.route, by: call.isRepeated ? nil : scripts, keys: 1, arguments: 2)
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
            buffer.argument("PUBLISH" as StaticString)
            buffer.argument(self.link.keys.nodeChannel, node.rawValue)
            buffer.argument(bytes)
        }
    }
}

public import SwitchboardCore
import SwitchboardProtocol

extension RedisStore {
    /// Adds the message to the stream `{prefix}:upstream`, with the fields `client`, `session`, `node`, `id`, `format`, `data`
    /// and `at`. The key that remembers its id is named `{{prefix}:upstream}:id:CLIENT/ID`, so both are on one slot.
    public func accept(_ message: UpstreamMessage, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void) {
        let keys = self.keys
        let limit = link.configuration.upstreamLimit
        link.run(.accept, keys: message.id == nil ? 1 : 2, arguments: 16) { buffer in
            buffer.argument(keys.upstream)
            if let id = message.id { buffer.argument(keys.upstreamID, "\(message.client.rawValue)/\(id)") }
            buffer.argument(limit)
            buffer.argument(UpstreamMessage.idLifetime)
            buffer.argument("client" as StaticString)
            buffer.argument(message.client.rawValue)
            buffer.argument("session" as StaticString)
            buffer.argument(message.session.rawValue)
            buffer.argument("node" as StaticString)
            buffer.argument(message.node.rawValue)
            buffer.argument("id" as StaticString)
            buffer.argument(message.id ?? "")
            buffer.argument("format" as StaticString)
            buffer.argument(message.payload.format.rawValue)
            buffer.argument("data" as StaticString)
            buffer.argument(message.payload.bytes)
            buffer.argument("at" as StaticString)
            buffer.argument(Int(message.receivedAt))
        } completion: { result in
            completion(result.map { $0 == .integer(1) })
        }
    }
}

import SwitchboardCore
import SwitchboardProtocol

extension RedisStore {
    /// A session turns out not to be its client's current one. In a Redis Cluster its eviction is a second step behind the
    /// registration of the newer one, and is lost when the newer's node dies in between: so the node tells itself.
    func evictIfReplaced(_ client: ClientID, epoch: UInt64) {
        let keys = self.keys
        let consumer = PendingCommand.Consumer.reply { [link] result in
            guard case .success(let reply) = result, let values = reply.elements, values.count == 4,
                let newer = values[0].integer.flatMap(UInt64.init(exactly:)), newer > epoch,
                let session = values[1].text, let node = values[2].text, let address = values[3].text
            else { return }
            link.receiver?.receive(
                .evict(
                    Eviction(
                        client: client, session: SessionID(unchecked: session), epoch: newer,
                        node: NodeID(unchecked: node), address: address)))
        }
        link.send(consumer) { buffer, _ in
            buffer.command(arguments: 6)
            buffer.argument("HMGET" as StaticString)
            buffer.argument(keys.client, client.rawValue)
            for field in ["epoch", "session", "node", "address"] { buffer.argument(field) }
        }
    }
}

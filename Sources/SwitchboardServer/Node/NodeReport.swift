import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What a node tells of itself when it is asked over the bus.
enum NodeReport {
    static func body(for subject: Query.Subject, of node: Node) async -> ByteBuffer {
        switch subject {
        case .groups:
            var counts: [GroupName: Int] = [:]
            for groups in await node.collect({ $0.groups.mapValues(\.members.count) }) {
                counts.merge(groups, uniquingKeysWith: +)
            }
            return JSONObjectWriter.document { json in
                json.object("groups") { groups in
                    for (name, count) in counts { groups.integer(named: name.rawValue, count) }
                }
            }
        case .members(let name):
            let lists = await node.collect { shard in
                shard.groups[name]?.members.compactMap { $0.record?.client.rawValue } ?? []
            }
            return JSONObjectWriter.document { $0.strings("clients", lists.flatMap { $0 }) }
        case .closes(let limit):
            let closes = await node.collect { Array($0.closes.newest) }.flatMap { $0 }.sorted { $0.at > $1.at }
            return JSONObjectWriter.document { json in
                json.string("node", node.id.rawValue)
                json.list("closes", closes.prefix(min(limit, CloseLog.limit))) { entry, close in
                    entry.string("client", close.client.rawValue)
                    entry.closing(close)
                    entry.time("at", close.at)
                }
            }
        case .alerts: return node.alertReport
        case .drain:
            node.drain.begin(node)
            return state(of: node)
        case .serve:
            _ = await node.drain.cancel(node)
            return state(of: node)
        case .reach(let target): return await node.reach(target).body
        case .pushes(let limit): return node.recentPushes.body(limit, of: node.id)
        case .stats:
            let counters = await node.collect { $0.counters }.reduce(ShardCounters(), +)
            return JSONObjectWriter.document { json in
                for (name, value) in figures(counters, of: node) { json.integer(name, value) }
                for (code, count) in counters.closes.counted {
                    json.integer(named: "closed" + (code.map { "\($0)" } ?? "Other"), count)
                }
            }
        }
    }

    /// Whether the node that gave this report of its statistics has written its presence.
    static func isRestored(_ body: ByteBuffer) -> Bool {
        guard let document = try? JSONDocument(body), let slice = document["restoring"] else { return false }
        return document.integer(slice) == 0
    }

    private static func state(of node: Node) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("node", node.id.rawValue)
            json.string("state", node.drain.phase.rawValue)
            json.integer("connections", node.socketCount.value)
        }
    }

    /// What ``figures(_:of:)`` of every node that has answered says, in the order of their names.
    static func figures(of replies: Conversations.Replies) -> [(id: NodeID, figures: [(String, Int)])] {
        replies.bodies.sorted { $0.node < $1.node }.compactMap { reply in
            guard let document = try? JSONDocument(reply.body) else { return nil }
            return (
                reply.node, document.members.compactMap { name, value in document.integer(value).map { (name, $0) } }
            )
        }
    }

    /// Figures of which not the sum but the greatest says something of the cluster.
    static let maxima: Set = ["busLagMicroseconds"]

    private static func figures(_ counters: ShardCounters, of node: Node) -> [(StaticString, Int)] {
        let commands = node.metrics.commandTotals
        return [
            ("sessions", counters.sessions), ("accepted", counters.accepted), ("closed", counters.closed),
            ("refused", counters.refused), ("pushes", node.delivery.pushes), ("deliveries", counters.deliveries),
            ("drops", counters.drops), ("messagesUp", counters.messagesUp),
            ("busReceived", node.messagesFromBus.value),
            ("restoring", node.settlement.isRestoring ? 1 : 0), ("busUnparsable", node.busHealth.unparsable),
            ("redisReconnects", node.busHealth.reconnects),
            ("busLagMicroseconds", Int((node.busHealth.lag ?? 0) * 1000)),
            ("queuedBytes", counters.queuedBytes), ("queuedSessions", counters.queuedSessions),
            ("latencySamples", counters.latency.total), ("latencyMicroseconds", counters.latency.sum),
            ("commands", commands.ended), ("commandResults", commands.results),
            ("commandMicroseconds", commands.microseconds),
        ]
    }
}

extension Node {
    /// Asks every event loop.
    func collect<Value: Sendable>(_ body: @escaping @Sendable (Shard) -> Value) async -> [Value] {
        var values: [Value] = []
        for shard in shards {
            // A loop that has shut down has nothing to tell any more.
            if let value = try? await shard.loop.submit({ body(shard) }).get() { values.append(value) }
        }
        return values
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis

/// Everything that a node has to tell Prometheus at one moment.
enum Scrape {
    static func families(of node: Node) async -> [MetricFamily] {
        let counters = await node.collect { $0.counters }.reduce(ShardCounters(), +)
        let webhooks = await webhooks(of: node)
        return general(node) + connections(counters, of: node) + pushes(counters, of: node)
            + node.metrics.registry.families() + bus(of: node)
            + webhooks + ProcessFigures.current().families
            + [MetricFamily(MetricCatalogue.refusals, node.metrics.registry.refusals)]
    }

    /// Without samples while the store cannot be asked: a 0 would say that all is well.
    private static func webhooks(of node: Node) async -> [MetricFamily] {
        let status = node.webhooks == nil ? WebhookStatus() : try? await node.store.webhooks.status()
        let now = WallClock.milliseconds()
        let age = status.map { Double(now - min(now, $0.oldest ?? now)) / 1000 }
        return [
            MetricFamily(MetricCatalogue.webhookBacklog, status.map { Double($0.waiting) }),
            MetricFamily(MetricCatalogue.webhookAge, age),
            MetricFamily(MetricCatalogue.webhookDead, status.map { Double($0.dead) }),
        ]
    }

    private static func general(_ node: Node) -> [MetricFamily] {
        [
            MetricFamily(
                MetricCatalogue.node,
                [
                    MetricSample(
                        1, MetricLabel("node", node.id.rawValue), MetricLabel("version", SwitchboardVersion.current))
                ]),
            MetricFamily(MetricCatalogue.ready, node.unreadiness == nil ? 1 : 0),
            MetricFamily(MetricCatalogue.draining, node.isDraining ? 1 : 0),
            MetricFamily(
                MetricCatalogue.drainProgress, node.metrics.drainProgress(sessions: node.sessionCount.value)),
        ]
    }

    private static func connections(_ counters: ShardCounters, of node: Node) -> [MetricFamily] {
        [
            MetricFamily(
                MetricCatalogue.connections,
                [
                    MetricSample(counters.forms.sessions(.raw), MetricLabel("mode", "raw")),
                    MetricSample(counters.forms.sessions(.framed), MetricLabel("mode", "framed")),
                ]),
            MetricFamily(MetricCatalogue.compressed, counters.forms.compressed),
            MetricFamily(MetricCatalogue.connectionsLimit, node.configuration.maximumConnections),
            MetricFamily(MetricCatalogue.accepted, counters.accepted),
            MetricFamily(MetricCatalogue.closed, counters.closes.samples),
            MetricFamily(MetricCatalogue.refused, counters.refusals.samples),
            MetricFamily(MetricCatalogue.authRefused, node.authenticator.tally.samples),
            MetricFamily(MetricCatalogue.plainConnections, node.plainConnections.value),
            MetricFamily(MetricCatalogue.addresses, node.addresses.count),
            MetricFamily(MetricCatalogue.handshakes, counters.handshakes.samples),
            MetricFamily(MetricCatalogue.proxyHeaders, counters.proxyHeaders.samples),
            MetricFamily(MetricCatalogue.certificateExpiry, node.tls.map { Double($0.expiresAt) }),
            MetricFamily(MetricCatalogue.certificateStale, node.tls.map { $0.isStale ? 1.0 : 0.0 }),
            MetricFamily(MetricCatalogue.queueBytes, counters.queuedBytes),
            MetricFamily(MetricCatalogue.queuedSessions, counters.queuedSessions),
            MetricFamily(MetricCatalogue.pingRoundTrip, counters.roundTrip),
            MetricFamily(MetricCatalogue.messages, counters.messagesUp),
            MetricFamily(
                MetricCatalogue.alerts,
                AlertLevel.allCases.map { MetricSample(node.alerts.count($0), MetricLabel("level", $0.rawValue)) }),
            MetricFamily(MetricCatalogue.terminalViewers, node.terminals.viewers),
            MetricFamily(MetricCatalogue.terminalVisits, node.terminals.visits.value),
        ]
    }

    private static func pushes(_ counters: ShardCounters, of node: Node) -> [MetricFamily] {
        [
            MetricFamily(MetricCatalogue.pushes, node.delivery.tally.samples),
            MetricFamily(MetricCatalogue.throttled, node.delivery.throttled),
            MetricFamily(
                MetricCatalogue.deliveries,
                [
                    MetricSample(counters.deliveries, MetricLabel("outcome", "delivered")),
                    MetricSample(counters.drops, MetricLabel("outcome", "dropped")),
                ]),
            MetricFamily(MetricCatalogue.deliveryLatency, counters.latency),
        ]
    }

    private static func bus(of node: Node) -> [MetricFamily] {
        let statistics = node.busHealth.statistics
        return [
            MetricFamily(MetricCatalogue.busAvailable, node.bus.isAvailable ? 1 : 0),
            MetricFamily(MetricCatalogue.busMessages, node.messagesFromBus.value),
            MetricFamily(MetricCatalogue.busDropped, statistics?.droppedMessages ?? 0),
            MetricFamily(MetricCatalogue.busLag, statistics?.canaryLag),
            MetricFamily(MetricCatalogue.canaryAge, statistics?.canaryAge),
            MetricFamily(MetricCatalogue.reconnects, statistics?.reconnects ?? 0),
            MetricFamily(MetricCatalogue.redisCommands, statistics?.commands ?? 0),
        ]
    }
}

import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import Testing

@testable import SwitchboardServer

@Suite struct WebhooksTests {
    private let store = InProcessCluster().makeNode(NodeID(unchecked: "n1")).store.webhooks

    private func webhooks(_ change: (inout ServerConfiguration) throws -> Void = { _ in }) rethrows -> Webhooks {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        configuration.webhooks.url = "http://backend"
        configuration.webhooks.grace = 0
        try change(&configuration)
        return Webhooks(
            configuration: configuration, store: store, post: { _ in .status(200) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private let record = SessionRecord(
        client: client("c"), session: SessionID(unchecked: "S"), node: NodeID(unchecked: "n1"), mode: .raw,
        address: "192.0.2.1:1", userAgent: nil, labels: [:], groups: [], connectedAt: 1)

    private func departure(_ code: CloseCode, _ reason: String) -> Departure {
        Departure(
            client: record.client, session: record.session, node: record.node, epoch: 1, closeCode: code.rawValue,
            reason: reason, isLost: false, at: 2)
    }

    private func isOverdue() async throws -> Bool { try await !store.overdue(limit: 1).isEmpty }

    @Test("Who was told to come back later is given that time", arguments: [CloseCode.nodeDraining, .rebalanced])
    func moves(code: CloseCode) async throws {
        let webhooks = try webhooks { $0.redis = try RedisConfiguration(url: "redis://r", node: $0.node) }
        webhooks.connected(record, epoch: 1)
        webhooks.lost(departure(code, "after=3600"))
        #expect(try await !isOverdue())
        #expect(try await store.status().losses == 1)
    }

    @Test("Others are not, nor when there is nowhere to go")
    func others() async throws {
        let inCluster = try webhooks { $0.redis = try RedisConfiguration(url: "redis://r", node: $0.node) }
        inCluster.connected(record, epoch: 1)
        inCluster.lost(departure(.normal, "after=3600"))
        #expect(try await isOverdue())
        let alone = webhooks { $0.webhooks.grace = 60 }
        alone.connected(record, epoch: 1)
        #expect(try await !isOverdue())
        alone.lost(departure(.nodeDraining, "after=3600"))
        #expect(try await isOverdue())
    }

    @Test("Sessions are followed only where it is told of them") func events() async throws {
        let webhooks = webhooks { $0.webhooks.events = [.message, .pushExpired] }
        webhooks.connected(record, epoch: 1)
        webhooks.health(record, epoch: 1, ByteBuffer(string: "{}"))
        #expect(try await store.status() == WebhookStatus())
        webhooks.expired(ExpiredPush(id: PushID(unchecked: "p"), client: client("c")))
        #expect(try await store.status().waiting == 1)
    }
}

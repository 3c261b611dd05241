import Foundation
import Testing

/// Two nodes on several Redis servers, of which one is killed under load.
@Suite("Redis fails over", .alone, .logsOnFailure, .serialized, .timeLimit(.minutes(5)))
struct HighAvailabilityTests {
    struct Case: Sendable, CustomStringConvertible {
        var kind: RedisGroup.Kind
        var minReplicas: Int
        var description: String { "\(kind), minReplicas \(minReplicas)" }
    }

    @Test(
        "A master is killed under load: nothing is answered with success and lost",
        arguments: [
            Case(kind: .sentinel, minReplicas: 1), Case(kind: .cluster, minReplicas: 1),
            Case(kind: .sentinel, minReplicas: 0), Case(kind: .cluster, minReplicas: 0),
        ])
    func killed(_ what: Case) async throws {
        let options = ["--publish-rate", "0", "--min-replicas", "\(what.minReplicas)"]
        try await Self.onGroup(what.kind, options) { group, clients, cluster in
            try await MasterLoss(what: what, group: group, cluster: cluster).check(clients)
        }
    }

    @Test("The master is changed in good order: the nodes follow within seconds")
    func switched() async throws {
        try await Self.onGroup(.sentinel, ["--publish-rate", "0"]) { group, _, cluster in
            let old = try await group.master(of: "")
            let clock = ContinuousClock()
            let start = clock.now
            try await group.switchMaster()
            try await eventually("the nodes are with the new master", within: .seconds(15)) {
                let new = try await group.master(of: "")
                guard new.port != old.port else { return false }
                let clients = try await new.command("CLIENT", "LIST")
                for node in cluster.nodes {
                    guard clients.contains("switchboard:\(node.id):commands"), try await node.api.isReady() else {
                        return false
                    }
                }
                return true
            }
            print("sentinel: the nodes followed an orderly change of the master within \(clock.now - start)")
        }
    }

    @Test(
        "A master that does not answer any more is replaced, although no connection is closed",
        arguments: RedisGroup.Kind.allCases)
    func frozen(_ kind: RedisGroup.Kind) async throws {
        try await Self.onGroup(kind, ["--publish-rate", "0"]) { group, _, cluster in
            // In a Redis Cluster one that has neither the shared channel nor a node's, so that no canary tells.
            let master = try await group.master(of: "sb:clients")
            if kind == .cluster {
                for channel in ["sb:push", "sb:node:{n1}", "sb:node:{n2}"] {
                    #expect(try await group.master(of: channel).port != master.port)
                }
            }
            let clock = ContinuousClock()
            let start = clock.now
            master.freeze()
            // Not all at the same moment: one may be well again before the other has noticed.
            var unaware = cluster.nodes
            try await eventually("it is noticed", within: .seconds(20)) {
                var others: [NodeServer] = []
                for node in unaware {
                    let isReady = try await node.api.isReady()
                    if isReady, try await node.api.stats()[node.id]?.redisReconnects == 0 { others.append(node) }
                }
                unaware = others
                return unaware.isEmpty
            }
            let noticed = clock.now - start
            for node in cluster.nodes {
                try await eventually("\(node.id) is ready again", within: .seconds(30)) { try await node.api.isReady() }
            }
            print("\(kind): a frozen master was noticed after \(noticed); ready again after \(clock.now - start)")
            master.thaw()
            try await group.becomeWhole()
            for node in cluster.nodes { try await node.ready() }
        }
    }

    @Test(
        "TLS with an authority and a name of our own, and a user with few rights", arguments: RedisGroup.Kind.allCases)
    func secured(_ kind: RedisGroup.Kind) async throws {
        let options = ["--publish-rate", "0", "--min-replicas", "1"]
        try await Self.onGroup(kind, options, isSecure: true) { _, clients, cluster in
            for (number, node) in cluster.nodes.enumerated() {
                let client = try await clients.framed("secured-\(number)", on: node)
                let answer = try await cluster.nodes[1 - number].api.pushed(
                    #"{"to":{"client":"secured-\#(number)"},"text":"x","durable":true}"#)
                #expect(answer.delivered == 1)
                _ = try await client.push()
            }
            for node in cluster.nodes { #expect(node.process?.output.contains("pa:ss") == false) }
        }
    }

    @Test("Slots that move to another master are followed without a break")
    func slotsMove() async throws {
        try await Self.onGroup(.cluster, ["--publish-rate", "0"]) { group, clients, cluster in
            // Of the first slots of the second third, which are moved: 10933, 10938, 10945, 10947.
            let names = ["moved-305", "moved-1051", "moved-1178", "moved-1795"]
            let source = try await group.master(of: names[0])
            let target = try await group.master(of: "sb:push")
            let load = FailoverLoad(nodes: cluster.nodes, targets: names)
            try await load.connect(clients)
            let pushing = Task { await load.run() }
            try await eventually("the load runs", within: .seconds(60)) { load.answers.count > 200 }
            try await group.move(slots: 60, from: source, to: target)
            let after = load.answers.count
            try await eventually("the load goes on", within: .seconds(60)) { load.answers.count > after + 200 }
            pushing.cancel()
            await pushing.value
            try? await eventually("all has come", within: .seconds(20)) { load.missing.isEmpty }
            #expect(try await group.master(of: names[0]).port == target.port)
            #expect(load.missing.isEmpty)
            #expect(load.repeated == [])
            #expect(load.answers.allSatisfy { $0.status == 200 || $0.status == 202 })
            for node in cluster.nodes { #expect(try await node.api.stats()[node.id]?.redisReconnects == 0) }
            print("cluster: 60 slots moved under load: \(load.summary)")
        }
    }

    @Test("In a Redis Cluster a session whose eviction was lost ends with its next life sign")
    func lostEviction() async throws {
        try await Self.onGroup(.cluster, ["--heartbeat-interval", "1"]) { group, clients, cluster in
            let client = try await clients.framed("twice", on: cluster.nodes[0])
            let key = "sb:client:{twice}"
            let fields = ["epoch", "99", "session", "newer", "node", "n2", "address", "192.0.2.1:5"]
            _ = try await group.master(of: key).command(["HSET", key] + fields)
            let closing = try await client.closing(within: .seconds(20))
            #expect(closing.code == 4003)
            #expect(closing.reason.contains("node=n2"))
        }
    }

    /// Two nodes without a proxy on a group of their own.
    private static func onGroup(
        _ kind: RedisGroup.Kind, _ options: [String], isSecure: Bool = false,
        _ body: (RedisGroup, Clients, Cluster) async throws -> Void
    ) async throws {
        try await RedisGroup.with(kind, isSecure: isSecure) { group in
            let layout = Cluster.Layout(
                nodes: 2, hasRedis: false, hasProxy: false,
                options: ["--redis", group.url] + group.security.nodeOptions + options)
            try await Cluster.with(layout) {
                try await Clients.with { clients, cluster in try await body(group, clients, cluster) }
            }
        }
    }
}

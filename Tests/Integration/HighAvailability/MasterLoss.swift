import Foundation
import Testing

/// A master is killed while two nodes push.
struct MasterLoss: Sendable {
    let what: HighAvailabilityTests.Case
    let group: RedisGroup
    let cluster: Cluster
    private let names = (0..<8).map { "steady-\($0)" }
    private let load: FailoverLoad

    init(what: HighAvailabilityTests.Case, group: RedisGroup, cluster: Cluster) {
        self.what = what
        self.group = group
        self.cluster = cluster
        load = FailoverLoad(nodes: cluster.nodes, targets: names)
    }

    func check(_ clients: Clients) async throws {
        try await load.connect(clients)
        let pushing = Task { [load] in await load.run() }
        do {
            let killed = try await kill()
            pushing.cancel()
            await pushing.value
            try await account(killed)
        } catch {
            pushing.cancel()
            await pushing.value
            throw error
        }
    }

    /// Kills the master under load and waits until everything is delivered again.
    ///
    /// - Returns: when it was killed.
    private func kill() async throws -> ContinuousClock.Instant {
        try await eventually("the load runs", within: .seconds(60)) { isLoadRunning }
        // In a Redis Cluster the one that has the shared channel, too.
        let master = try await group.master(of: "sb:push")
        let clock = ContinuousClock()
        let killed = clock.now
        try await master.kill()
        let following = Task { [group] in try await group.follow(master) }
        defer { following.cancel() }
        try await eventually("the loss is noticed") { load.answers.contains { $0.status == 503 && $0.at > killed } }
        for node in cluster.nodes {
            try await eventually("\(node.id) is ready again", within: .seconds(40)) { try await node.api.isReady() }
        }
        let ready = clock.now - killed
        // A Redis Cluster has one replica for each master: durable pushes to that master's slots wait for the next.
        if what.kind == .cluster, what.minReplicas > 0 { try await master.start() }
        try await eventually("everything is delivered again", within: .seconds(40)) { try await isAllDelivered() }
        let delivered = clock.now - killed
        let redis = try await following.value
        print(
            "\(what): a master killed under load: Redis had a new one after \(redis.promoted - killed), with a replica after "
                + "\(redis.replicated.map { "\($0 - killed)" } ?? "-"); ready after \(ready), full delivery after \(delivered)"
        )
        let after = load.answers.count
        try await eventually("the load goes on", within: .seconds(60)) { load.answers.count > after + 500 }
        return killed
    }

    private var isLoadRunning: Bool {
        let answers = load.answers
        return answers.count > 500
            && FailoverLoad.Kind.allCases.allSatisfy { kind in answers.contains { $0.kind == kind && $0.status == 200 }
            }
    }

    /// Whether a durable push by way of each node comes to each client.
    private func isAllDelivered() async throws -> Bool {
        for node in cluster.nodes {
            for name in names {
                let answer = try await node.api.push(#"{"to":{"client":"\#(name)"},"text":"probe","durable":true}"#)
                guard answer.status == 200, try answer.decode(PushAnswer.self).delivered == 1 else { return false }
            }
        }
        return true
    }

    private func account(_ killed: ContinuousClock.Instant) async throws {
        // What does not come is told below.
        try? await eventually("all has come", within: .seconds(20)) { load.missing.isEmpty }
        var lost = load.missing
        var excused = 0
        if what.minReplicas == 0 {
            // Without waiting for replicas, Redis itself may lose what it had not passed on yet.
            let others = lost.filter { $0.at < killed - .seconds(1) || $0.at > killed + .seconds(1) }
            excused = lost.count - others.count
            lost = others
        }
        #expect(lost.isEmpty, "\(lost.prefix(5))")
        #expect(load.repeated == [])
        #expect(load.answers.allSatisfy { [200, 202, 503].contains($0.status) })
        print("\(what): \(load.summary); lost \(lost.count), by Redis itself \(excused)")
        let online = try await cluster.nodes[0].api.get("/v1/clients?state=online", as: ClientPage.self).ids
        #expect(online == names)
    }
}

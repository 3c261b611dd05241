import Foundation
import Testing

/// How large the rolling restart is: small by default, as large as promised with `SWITCHBOARD_ROLLING=full`.
struct RollingScale: Sendable {
    var agents = 240
    /// Durable and as many transient pushes a second.
    var rate = 40
    /// Settings of the nodes.
    var drainRate = 20
    var drainDelay = 2.0

    static let current: RollingScale = {
        guard ProcessInfo.processInfo.environment["SWITCHBOARD_ROLLING"] == "full" else { return RollingScale() }
        return RollingScale(agents: 2000, rate: 200, drainRate: 50, drainDelay: 5)
    }()

    var options: [String] {
        [
            "--drain-rate", "\(drainRate)", "--drain-delay", "\(drainDelay)", "--publish-rate", "0", "--accept-rate",
            "0",
        ]
    }
}

/// All nodes are stopped and started one after the other while agents are connected and backends push.
@Suite(
    "Rolling restart", .cluster(isHeavy: true, options: RollingScale.current.options), .logsOnFailure, .serialized,
    .timeLimit(.minutes(8)))
struct RollingTests {
    private let scale = RollingScale.current

    @Test("No durable push is lost, a transient one only between two connections, and reconnects are spread")
    func restart() async throws {
        let cluster = try Cluster.shared()
        let agents = (0..<scale.agents).map { RollingAgent("roll-\($0)") }
        for agent in agents { agent.start(port: cluster.entrance) }
        try await eventually("all agents are connected", within: .seconds(180)) { agents.allSatisfy(\.isConnected) }
        let load = RollingLoad(api: cluster.api, clients: agents.map(\.name), rate: scale.rate)
        let loading = Task { await load.run() }
        do {
            try await roll(cluster, agents)
        } catch {
            loading.cancel()
            await loading.value
            for agent in agents { try? await agent.stop() }
            throw error
        }
        loading.cancel()
        await loading.value
        try await check(load.pushes, agents)
        await withTaskGroup { group in
            for agent in agents { group.addTask { try? await agent.stop() } }
        }
    }

    private func roll(_ cluster: Cluster, _ agents: [RollingAgent]) async throws {
        let clock = ContinuousClock()
        for node in cluster.nodes {
            let sessions = try await node.api.stats()[node.id]?.sessions ?? 0
            let before = agents.map { $0.gaps.count }
            let start = clock.now
            #expect(try await node.terminate(within: .seconds(70)) == 0)
            let time = clock.now - start
            #expect(time < .seconds(60), "within drainLimit")
            try await node.start()
            try await node.ready()
            try await eventually("all agents are connected again", within: .seconds(30)) {
                agents.allSatisfy(\.isConnected)
            }
            let gaps = zip(agents, before).flatMap { $0.gaps.dropFirst($1) }
            report(node, sessions, gaps, since: start, took: time)
        }
    }

    /// Prints when the agents of a node came back, and checks that they came at the pace that was set.
    private func report(
        _ node: NodeServer, _ sessions: Int, _ gaps: [RollingAgent.Gap], since start: ContinuousClock.Instant,
        took time: Duration
    ) {
        let moments = gaps.compactMap { gap in gap.to.map { ($0 - start) / .seconds(1) } }.sorted()
        #expect(moments.count == sessions, "each agent of the node was moved once, and no other")
        // On a busy machine an agent may be the first to act on the moment that both know: it leaves with 1000 then.
        #expect(gaps.allSatisfy { $0.code == 4200 || $0.code == 1000 })
        var histogram: [Int: Int] = [:]
        for moment in moments { histogram[Int(moment), default: 0] += 1 }
        let away = gaps.compactMap { gap in gap.to.map { ($0 - gap.from) / .seconds(1) } }.sorted()
        print(
            """
            \(node.id): \(sessions) sessions, gone after \(Self.text(time / .seconds(1))) s; away for \
            \(Self.text(away.count > 0 ? away[away.count / 2] : 0)) s (median), \(Self.text(away.last ?? 0)) s at most
            """)
        for second in (histogram.keys.min() ?? 0)...(histogram.keys.max() ?? 0) {
            let count = histogram[second] ?? 0
            print(
                "  \(second) s: \(count) reconnects \(String(repeating: "#", count: count * 60 / (scale.drainRate * 2)))"
            )
        }
        guard let first = moments.first, let last = moments.last else { return }
        #expect(first >= scale.drainDelay, "nobody before the load balancer had time to notice")
        #expect(last - first > 0.7 * Double(sessions) / Double(scale.drainRate), "spread over the drain time")
        // Not the fullest second: a machine that was busy elsewhere for a moment has all of that moment in one.
        let middle = moments[moments.count * 9 / 10] - moments[moments.count / 10]
        #expect(middle > 0.3 * Double(sessions) / Double(scale.drainRate), "and not most of them in a few moments")
    }

    private func check(_ pushes: [RollingLoad.Push], _ agents: [RollingAgent]) async throws {
        let durable = pushes.filter(\.isDurable)
        let transient = pushes.filter { !$0.isDurable }
        #expect(durable.count > scale.rate * 10, "there was load")
        let failed = pushes.filter { $0.status != 200 && $0.status != 202 }
        #expect(failed.isEmpty, "every push is answered: \(failed.prefix(3).map { "\($0.status) \($0.text)" })")
        try? await eventually("all durable pushes are there", within: .seconds(20)) {
            durable.allSatisfy { agents[$0.client].has($0.id) }
        }
        let lost = durable.filter { !agents[$0.client].has($0.id) }
        #expect(lost.isEmpty, "durable pushes lost: \(lost.count), such as \(lost.prefix(3))")
        let missed = transient.filter { !agents[$0.client].has($0.id) }
        let offline = missed.filter { $0.answer?.offline == 1 }
        // The agent hears of the close a moment after the node has sent it.
        let inexplicable = missed.filter { push in
            !agents[push.client].gaps.contains {
                $0.overlaps(push.sentAt - .milliseconds(500), push.answeredAt + .milliseconds(500))
            }
        }
        #expect(inexplicable.isEmpty, "transient pushes lost: \(inexplicable.count), such as \(inexplicable.prefix(3))")
        #expect(agents.reduce(0) { $0 + $1.repeated } == 0, "the SDK gives each push once")
        let times = pushes.map { ($0.answeredAt - $0.sentAt) / .milliseconds(1) }.sorted()
        print(
            """
            \(durable.count) durable pushes, 0 lost; \(transient.count) transient ones, \(missed.count) for agents between two \
            connections, \(offline.count) of them answered as offline; answers took \(Self.text(times[times.count / 2])) ms \
            (median), \(Self.text(times[times.count * 99 / 100])) ms (99 %); \
            \(agents.reduce(0) { $0 + $1.attemptsFailed }) failed attempts to connect
            """)
    }

    private static func text(_ number: Double) -> String { String(format: "%.2f", number) }
}

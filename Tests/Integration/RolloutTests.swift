import Foundation
import NIOHTTP1
import Synchronization
import Testing

/// Commands to hundreds of agents, a few at a time.
@Suite(
    "Roll-outs", .cluster(isHeavy: true, options: ["--accept-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(4)))
struct RolloutTests {
    private struct Unfit: Error {}

    @Test("500 agents of which those behind the 200th fail: it stops where it said it would")
    func stops() async throws {
        try await with(500) { number in
            if number >= 200 { throw Unfit() }
        } body: { cluster, agents in
            let id = try await begin(
                #"{"to":{"group":"tills"},"command":{"name":"update","timeout":10},"canary":{"clients":25},"#
                    + #""rate":60000,"abort":{"share":0.1,"minimum":10}}"#, cluster.api)
            let rollout = try await settled(id, cluster.api)
            #expect(rollout.state == "aborted")
            #expect(rollout.reason?.contains("failed") == true)
            let counts = rollout.counts
            // The 223rd makes 23 of 223, which is the first time that more than a tenth has failed. Had those before it not
            // answered in order, it would have been an earlier one.
            #expect((201...223).contains(counts.started))
            #expect(counts.failed == counts.started - 200)
            #expect(counts.failed > counts.started / 10 - 2)
            #expect(counts.ok == 200)
            #expect(counts.pending == 500 - counts.started)
            // Those that were begun, each once, and nobody else.
            let begun = agents.names.prefix(counts.started)
            #expect(agents.runs == Dictionary(uniqueKeysWithValues: begun.map { ($0, 1) }))
            let failed = try await cluster.api.get(
                "/v1/rollouts/\(id)/clients?outcome=failed&limit=1000", as: RolloutClients.self)
            #expect(failed.clients.map(\.client) == Array(agents.names[200..<counts.started]))
            #expect(failed.clients.allSatisfy { $0.reason == "status" && $0.status == 500 })
        }
    }

    @Test("A canary that fails is all that is touched")
    func badCanary() async throws {
        try await with(60) { number in
            if number == 3 { throw Unfit() }
        } body: { cluster, agents in
            let id = try await begin(
                #"{"to":{"group":"tills"},"command":{"name":"update"},"canary":{"clients":6},"rate":60000}"#,
                cluster.api)
            let rollout = try await settled(id, cluster.api)
            #expect(rollout.state == "aborted")
            #expect(rollout.counts.failed == 1)
            #expect(agents.runs.count <= 6)
            #expect(agents.runs.values.allSatisfy { $0 == 1 })
        }
    }

    @Test("The node that leads is killed in the middle: another goes on, and nothing is done twice")
    func leaderIsKilled() async throws {
        try await with(300) { _ in
            // Some are under way whenever the node is killed.
            try await Task.sleep(for: .milliseconds(200))
        } body: { cluster, agents in
            let id = try await begin(
                #"{"to":{"group":"tills"},"command":{"name":"update","timeout":20},"canary":{"clients":5},"#
                    + #""rate":3000,"abort":{"share":0.2,"minimum":50}}"#, cluster.nodes[0].api)
            let others = cluster.nodes[1].api
            try await eventually("a third is begun", within: .seconds(60)) {
                try await shown(id, others).counts.started >= 100
            }
            let leader = try await shown(id, others).leader
            let victim = try #require(cluster.nodes.first { $0.id == leader })
            try await victim.kill()
            let api = try #require(cluster.nodes.first { $0.id != leader }).api
            let rollout = try await settled(id, api, within: .seconds(90))
            #expect(rollout.state == "done")
            #expect(rollout.counts.started == 300)
            #expect(rollout.counts.ok + rollout.counts.failed == 300)
            // Who was not back on another node in time has failed; the others have done it.
            #expect(rollout.counts.ok >= 270)
            #expect(agents.runs.values.allSatisfy { $0 == 1 })
            let done = try await api.get(
                "/v1/rollouts/\(id)/clients?outcome=ok&limit=1000", as: RolloutClients.self)
            #expect(done.clients.count == rollout.counts.ok)
            #expect(done.clients.allSatisfy { agents.runs[$0.client] == 1 })
            try await victim.start()
            try await victim.ready()
        }
    }

    // MARK: What they share

    /// Runs `body` with agents on all nodes, known to the cluster.
    private func with(
        _ count: Int, work: @escaping @Sendable (Int) async throws -> Void,
        body: (Cluster, WorkingAgents) async throws -> Void
    ) async throws {
        let cluster = try Cluster.shared()
        try await cluster.empty()
        let agents = WorkingAgents(count, port: cluster.entrance, group: "tills", work: work)
        do {
            try await eventually("all agents are connected", within: .seconds(90)) { agents.connected == count }
            try await eventually("presence shows their groups", within: .seconds(20)) {
                try await cluster.api.get(
                    "/v1/clients?state=online&group=tills&limit=1000", as: ClientPage.self
                ).clients.count == count
            }
            try await body(cluster, agents)
        } catch {
            await agents.stop()
            throw error
        }
        await agents.stop()
    }

    private func begin(_ json: String, _ api: API) async throws -> String {
        let answer = try await api.post("/v1/rollouts", json, type: "application/json")
        guard answer.status == 201 else { throw API.Unexpected(answer: answer, wanted: "201") }
        let rollout = try answer.decode(RolloutAnswer.self)
        #expect(answer.headers.first(name: "Location") == "/v1/rollouts/\(rollout.id)")
        return rollout.id
    }

    private func shown(_ id: String, _ api: API) async throws -> RolloutAnswer {
        try await api.get("/v1/rollouts/\(id)", as: RolloutAnswer.self)
    }

    /// The roll-out once it has ended and nobody is under way.
    private func settled(_ id: String, _ api: API, within time: Duration = .seconds(60)) async throws -> RolloutAnswer {
        try await eventually("the roll-out has ended", within: time) { try await shown(id, api).isFinished }
        return try await shown(id, api)
    }
}

private struct RolloutAnswer: Decodable, Sendable {
    struct Counts: Decodable, Sendable {
        var total: Int
        var started: Int
        var ok: Int
        var failed: Int
        var pending: Int
    }
    var id: String
    var state: String
    var counts: Counts
    var reason: String?
    var leader: String?

    var isFinished: Bool {
        (state == "aborted" || state == "done") && counts.started == counts.ok + counts.failed
    }
}

private struct RolloutClients: Decodable, Sendable {
    struct Entry: Decodable, Sendable {
        var client: String
        var outcome: String
        var reason: String?
        var status: Int?
    }
    var clients: [Entry]
}

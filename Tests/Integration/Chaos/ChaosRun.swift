import Foundation
import NIOCore

/// One run of a scenario against a cluster: agents, load, what the scenario does, peace, and a last look.
struct ChaosRun: Sendable {
    let scenario: ChaosScenario
    let cluster: Cluster
    let journal = ChaosJournal()
    /// How many agents; a fifth of them keep their state in a file and are restarted.
    var size = 200

    private static let shops = 4

    /// - Returns: what happened.
    func run() async throws -> ChaosHistory {
        let relay = try await Relay(to: cluster.entrance)
        let agents = (0..<size).map { number in
            let name = "c\(scenario.seed % 100_000)-\(number)"
            return ChaosAgent(
                name, url: "ws://127.0.0.1:\(relay.port)", groups: [shop(number % Self.shops)],
                stateFile: number % 5 == 0 ? cluster.directory.appending(path: name + ".state").path : nil,
                journal: journal)
        }
        let backend = ChaosBackend(port: cluster.entrance, journal: journal)
        do {
            try await run(agents, relay, backend)
        } catch {
            await end(agents, relay, backend)
            throw error
        }
        await end(agents, relay, backend)
        return journal.history
    }

    private func shop(_ number: Int) -> String { "shop-\(scenario.seed % 100_000)-\(number)" }

    private func run(_ agents: [ChaosAgent], _ relay: Relay, _ backend: ChaosBackend) async throws {
        // With `everysec` Redis itself may lose what it has confirmed when it is killed.
        try await cluster.redis().command("CONFIG", "SET", "appendfsync", "always")
        for agent in agents { agent.start() }
        try await connected(agents)
        let load = ChaosLoad(
            backend: backend, clients: agents.map(\.name),
            channels: ["all"] + (0..<Self.shops).map { "group:" + shop($0) }, journal: journal)
        let loading = Task { await load.run() }
        defer { loading.cancel() }
        try await unleash(agents, relay)
        journal.note("peace")
        for node in cluster.nodes { try await node.ready() }
        loading.cancel()
        await loading.value
        journal.note("all is answered")
        repeat {
            try await connected(agents)
            try await quiet()
        } while !agents.allSatisfy(\.isConnected)
        journal.note(.healed)
        await load.once()
        try await quiet()
        try await lookIntoMailboxes(of: agents)
    }

    private func end(_ agents: [ChaosAgent], _ relay: Relay, _ backend: ChaosBackend) async {
        await withTaskGroup { group in
            for agent in agents { group.addTask { await agent.stop() } }
        }
        await relay.stop()
        try? await backend.shutdown()
    }

    // MARK: Peace

    private func connected(_ agents: [ChaosAgent]) async throws {
        do {
            try await eventually("all agents are connected", within: .seconds(60)) { agents.allSatisfy(\.isConnected) }
        } catch {
            throw Unconnected(names: agents.filter { !$0.isConnected }.map(\.name), history: journal.history)
        }
        let names = Set(agents.map(\.name))
        for node in cluster.nodes {
            try await eventually("\(node.id) sees all agents and nodes", within: .seconds(30)) {
                let online = try await node.api.get("/v1/clients?state=online&limit=1000", as: ClientPage.self).ids
                let nodes = try await node.api.get("/v1/nodes", as: NodePage.self).nodes
                return names.isSubset(of: online) && nodes.count == cluster.nodes.count
            }
        }
    }

    private struct Unconnected: Error, CustomStringConvertible {
        let names: [String]
        let history: ChaosHistory

        var description: String {
            "\(names.count) agents do not connect: \(names.joined(separator: ", ")); what is told of the first:\n"
                + (names.first.map(history.lines(ofClient:)) ?? "")
        }
    }

    /// Until nothing is lacking any more, or nothing comes for a while: then it never will.
    private func quiet() async throws {
        let clock = ContinuousClock()
        var (count, since) = (0, clock.now)
        while clock.now - since < .seconds(5) {
            let history = journal.history
            if history.entries.count != count { (count, since) = (history.entries.count, clock.now) }
            let lacks = ChaosChecker.violations(of: history).contains { $0.rule == .pushLost }
            if !lacks { break }
            try await clock.sleep(for: .milliseconds(250))
        }
    }

    private struct MailboxPage: Decodable {
        var count: Int
    }

    /// Acks take a moment: what is not gone after some seconds stays.
    private func lookIntoMailboxes(of agents: [ChaosAgent]) async throws {
        var left = Dictionary(uniqueKeysWithValues: agents.map { ($0.name, -1) })
        try? await eventually("all mailboxes are empty", within: .seconds(5), every: .milliseconds(500)) {
            for (name, count) in left where count != 0 {
                left[name] = try await cluster.api.get("/v1/clients/\(name)/mailbox", as: MailboxPage.self).count
            }
            return left.values.allSatisfy { $0 == 0 }
        }
        for (name, count) in left { journal.note(.mailbox(client: name, count: count)) }
    }

    // MARK: Chaos

    private func unleash(_ agents: [ChaosAgent], _ relay: Relay) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await withThrowingTaskGroup { group in
            for (index, event) in scenario.events.enumerated() {
                group.addTask {
                    try await clock.sleep(until: start + .seconds(event.at))
                    // Steps overlap: each draws from numbers of its own.
                    var random = SeededRandom(seed: scenario.seed &+ UInt64(index) &* 1_000_003)
                    try await perform(event.step, agents, relay, &random)
                }
            }
            try await group.waitForAll()
        }
        try await clock.sleep(until: start + .seconds(scenario.peaceAt))
    }

    private func perform(
        _ step: ChaosScenario.Step, _ agents: [ChaosAgent], _ relay: Relay, _ random: inout SeededRandom
    ) async throws {
        journal.note("--- \(step)")
        switch step {
        case .kill(let number, let downFor):
            let node = cluster.nodes[number]
            try await node.kill()
            try await Task.sleep(for: .seconds(downFor))
            try await node.start()
            journal.note("--- \(node.id) is started again")
        case .freeze(let number, let time):
            let node = cluster.nodes[number]
            node.freeze()
            defer { node.thaw() }
            try await Task.sleep(for: .seconds(time))
            journal.note("--- \(node.id) goes on")
        case .restartRedis(let isOrderly, let downFor):
            let redis = try cluster.redis()
            if isOrderly { await redis.stop() } else { try await redis.kill() }
            try await Task.sleep(for: .seconds(downFor))
            try await redis.start()
            try await redis.command("CONFIG", "SET", "appendfsync", "always")
            journal.note("--- Redis is started again")
        case .reloadProxy:
            let file = cluster.directory.appending(path: "nginx/nginx.pid")
            let text = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            if let pid = Int32(text) { kill(pid, SIGHUP) }
        case .cut(let share, let manner):
            let count = relay.end(share, manner, using: &random)
            journal.note("--- \(count) connections end")
        case .restartAgent:
            let candidates = agents.filter { $0.stateFile != nil }
            await candidates.randomElement(using: &random)?.restart()
        }
    }
}

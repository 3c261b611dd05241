import Foundation
import Testing

/// The chaos test sees what is broken: agents that are broken on purpose beside healthy ones.
@Suite(
    "Chaos with broken agents", .cluster(isHeavy: true, options: ["--publish-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(2)))
struct ChaosControlTests {
    @Test("Each fault is reported, of the agent that has it and of no other")
    func faults() async throws {
        let cluster = try Cluster.shared()
        let journal = ChaosJournal()
        let relay = try await Relay(to: cluster.entrance)
        let mute = try await Relay(to: cluster.entrance, isMute: true)
        let backend = ChaosBackend(port: cluster.entrance, journal: journal)
        func agent(_ name: String, by relay: Relay, _ fault: ChaosAgent.Fault? = nil) -> ChaosAgent {
            ChaosAgent(name, url: "ws://127.0.0.1:\(relay.port)", groups: [], fault: fault, journal: journal)
        }
        // What it handled it acks to nobody, so after it has forgotten everything it gets it again.
        let forgetful = agent("forgetful", by: mute, .forgets)
        let agents = [
            agent("healthy-1", by: relay), agent("healthy-2", by: relay), agent("skipping", by: relay, .skips),
            agent("lying", by: relay, .lies), agent("repeating", by: relay, .repeats), forgetful,
        ]
        for agent in agents { agent.start() }
        try await eventually("all are connected") { agents.allSatisfy(\.isConnected) }

        for number in 1...13 {
            for agent in agents {
                await backend.push(
                    "\(agent.name)-p\(number)", to: .client(agent.name), payload: #"{"number":\#(number)}"#,
                    style: .init())
            }
        }
        for agent in agents where agent !== forgetful {
            await backend.command(
                agent.name + "-c1", to: agent.name, named: "add", timeout: 5, connectTimeout: 0, style: .init())
        }
        func handled(by agent: ChaosAgent) -> Int {
            journal.history.entries.count { entry in
                if case .handled(agent.name, _, _, _) = entry.event { true } else { false }
            }
        }
        try await eventually("the forgetful one has them all") { handled(by: forgetful) == 13 }
        await forgetful.restart()
        try await eventually("and again") { handled(by: forgetful) == 26 }
        for agent in agents {
            try await eventually("the others have theirs") {
                handled(by: agent) >= (agent.name == "skipping" ? 11 : 13)
            }
        }
        journal.note(.healed)
        struct MailboxPage: Decodable { var count: Int }
        for agent in agents {
            var left = -1
            try? await eventually("its mailbox is empty", within: .seconds(2)) {
                left = try await cluster.api.get("/v1/clients/\(agent.name)/mailbox", as: MailboxPage.self).count
                return left == 0
            }
            journal.note(.mailbox(client: agent.name, count: left))
        }
        for agent in agents { await agent.stop() }
        await relay.stop()
        await mute.stop()
        try await backend.shutdown()

        var found: [String: Set<ChaosChecker.Rule>] = [:]
        for violation in ChaosChecker.violations(of: journal.history) {
            found[violation.client ?? "nobody", default: []].insert(violation.rule)
        }
        #expect(
            found == [
                "skipping": [.pushLost], "lying": [.answerFalse], "repeating": [.commandTwice],
                "forgetful": [.pushTwice, .mailboxLeft],
            ])
    }
}

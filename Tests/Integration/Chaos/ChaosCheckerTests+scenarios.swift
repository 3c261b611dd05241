import Testing

@Suite("Scenarios of chaos")
struct ChaosScenarioTests {
    @Test("The same seed gives the same scenario, another one another")
    func seeds() {
        #expect(ChaosScenario(seed: 1, nodes: 3).events == ChaosScenario(seed: 1, nodes: 3).events)
        #expect(ChaosScenario(seed: 1, nodes: 3).events != ChaosScenario(seed: 2, nodes: 3).events)
    }

    @Test("Each has everything that chaos is made of, and leaves the frozen node frozen", arguments: 1...50)
    func complete(seed: UInt64) {
        let scenario = ChaosScenario(seed: seed, nodes: 3)
        var kinds: [String: Int] = [:]
        var frozen: (node: Int, at: Double)?
        for event in scenario.events {
            #expect((0...scenario.length).contains(event.at))
            switch event.step {
            case .kill: kinds["kill", default: 0] += 1
            case .freeze(let node, let time):
                kinds["freeze", default: 0] += 1
                frozen = (node, event.at)
                #expect(time == 20 && event.at + time < scenario.length)
            case .restartRedis: kinds["redis", default: 0] += 1
            case .reloadProxy: kinds["proxy", default: 0] += 1
            case .cut: kinds["cut", default: 0] += 1
            case .restartAgent: kinds["agent", default: 0] += 1
            }
        }
        #expect(kinds["freeze"] == 1 && kinds["redis"] == 1 && kinds["proxy"] == 2)
        #expect(kinds["kill", default: 0] >= 2 && kinds["cut", default: 0] > 9 && kinds["agent", default: 0] > 9)
        for event in scenario.events {
            if case .kill(let node, let downFor) = event.step, let frozen, node == frozen.node {
                #expect(event.at + downFor <= frozen.at || event.at >= frozen.at + 20)
            }
        }
    }
}

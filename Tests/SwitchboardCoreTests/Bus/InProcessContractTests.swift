import BusContract
import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct InProcessContractTests {
    @Test("The contract, in process", arguments: BusContract.clauses)
    func contract(clause: ContractClause) async throws {
        try await clause.check(InProcessFixture())
    }
}

private struct InProcessFixture: ClusterFixture {
    private let cluster = InProcessCluster()

    func makeNode(_ id: NodeID, receiver: any BusReceiver) async throws -> (bus: any Bus, store: any Store) {
        let (bus, store) = cluster.makeNode(id)
        bus.attach(receiver)
        try await store.beat(
            NodeDescription(
                id: id, version: "0", address: "127.0.0.1:0", startedAt: WallClock.milliseconds(), sessions: 0,
                isDraining: false))
        return (bus, store)
    }

    func lose(_ id: NodeID) async throws { cluster.lose(id) }
}

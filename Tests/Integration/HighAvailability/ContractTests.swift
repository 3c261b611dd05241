import BusContract
import Testing

/// What every bus and store must do, with several Redis servers.
@Suite("The contract with several Redis servers", .alone, .serialized, .timeLimit(.minutes(5)))
struct HighlyAvailableContractTests {
    @Test("Through Sentinel") func sentinel() async throws {
        try await check(.sentinel, BusContract.clauses)
    }

    @Test("In a Redis Cluster") func cluster() async throws {
        // A mailbox and the channel of a node are on two servers there: what is stored is published in a second step.
        try await check(.cluster, BusContract.clauses.filter { !$0.needsOneStep })
    }

    private func check(_ kind: RedisGroup.Kind, _ clauses: [ContractClause]) async throws {
        #expect(clauses.count > 50)
        try await RedisGroup.with(kind) { group in
            for clause in clauses {
                do {
                    try await ContractFixture.with(group) { try await clause.check($0) }
                } catch {
                    Issue.record("\(clause): \(error)")
                }
            }
        }
    }
}

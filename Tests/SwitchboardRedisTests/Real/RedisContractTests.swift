import BusContract
import Testing

@testable import SwitchboardRedis

@Suite(.enabled(if: RedisServer.path != nil, "redis-server is not installed"))
struct RedisContractTests {
    @Test("The contract, directed routing", arguments: BusContract.clauses)
    func contract(clause: ContractClause) async throws {
        try await withCluster { fixture, _ in try await clause.check(fixture) }
    }
}

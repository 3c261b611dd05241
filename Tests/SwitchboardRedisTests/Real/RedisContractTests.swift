import BusContract
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    struct RedisContractTests {
        @Test("The contract, directed routing", arguments: BusContract.clauses)
        func contract(clause: ContractClause) async throws {
            try await withCluster { fixture, _ in try await clause.check(fixture) }
        }
    }
}

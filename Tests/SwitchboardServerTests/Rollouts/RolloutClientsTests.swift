import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Whom a roll-out means.
@Suite struct RolloutClientsTests {
    @Test func soManyAreMeantAndNoMore() async throws {
        let test = TestNode()
        let connections = try ["b", "a", "c"].map { try TestConnection.open(test, $0) }
        let node = test.node
        let all = try await node.rolloutClients(.all, limit: 3)
        #expect(all == ["a", "b", "c"].map { client($0) })
        await #expect(throws: Problem.self) { try await node.rolloutClients(.all, limit: 2) }
        // Those that are named are counted where the request is read.
        #expect(try await node.rolloutClients(.client(client("z")), limit: 0) == [client("z")])
        #expect(connections.allSatisfy { $0.session.phase == .open })
    }
}

import SwitchboardCore
import SwitchboardProtocol
import Synchronization
import Testing

extension BusContract {
    static let nodes: [ContractClause] = [
        ContractClause("nodes are listed as they describe themselves") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let description = NodeDescription(
                id: first.id, version: "1.0 \"x\"", address: "127.0.0.1:8080", startedAt: 1_700_000_000_000,
                sessions: 7,
                isDraining: true, busLag: 0.25)
            try await first.store.beat(description)
            let nodes = try await second.store.nodes()
            #expect(nodes.map(\.id) == [first.id, second.id])
            #expect(nodes.first == description)
        },
        ContractClause("a node that leaves is gone from the list") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            try await first.store.leave(first.id)
            #expect(try await second.store.nodes().map(\.id) == [second.id])
            #expect(try await second.store.reap().isEmpty)
        },
        ContractClause("the clients of a lost node are shown as lost, with the reason") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            for index in 0..<5 { _ = try await second.join(client("c\(index)")) }
            _ = try await first.join(client("other"))
            // This one has a newer session elsewhere by now.
            _ = try await first.join(client("c4"))
            try await cluster.lose(second.id)
            let reaped = try await first.store.reap()
            #expect(reaped.map(\.node) == [second.id])
            #expect(reaped.map(\.clients) == [4])
            for index in 0..<4 {
                let presence = try #require(try await first.store.client(client("c\(index)")))
                #expect(presence.state == .suspect)
                #expect(presence.closeReason == NodeLease.lostReason)
                #expect(presence.closeCode == 1006)
                #expect(presence.disconnectedAt != nil)
            }
            #expect(try await first.store.client(client("c4"))?.state == .online)
            #expect(try await first.store.client(client("other"))?.state == .online)
            #expect(try await first.store.nodes().map(\.id) == [first.id])
            #expect(try await first.store.reap().isEmpty)
        },
        ContractClause("a node disowns the sessions that are listed for it and that it has not") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var sessions: [SessionRecord] = []
            for index in 0..<3 { sessions.append(try await first.join(client("c\(index)")).record) }
            _ = try await first.join(client("moved"))
            _ = try await second.join(client("moved"))
            _ = try await second.join(client("other"))
            let told = Losses()
            let kept = sessions[0].session
            let lost = try await first.store.disown(first.id, but: { [kept] }, telling: { told.note($0) })
            #expect(lost == 2)
            #expect(told.clients.isSuperset(of: ["c1", "c2"]) && told.clients.isDisjoint(with: ["c0", "other"]))
            for (name, state) in [
                ("c0", ClientPresence.State.online), ("c1", .suspect), ("c2", .suspect), ("moved", .online),
                ("other", .online),
            ] { #expect(try await second.store.client(client(name))?.state == state, "\(name)") }
            #expect(try await first.store.client(client("c1"))?.closeReason == NodeLease.lostReason)
            let again = try await first.store.disown(first.id, but: { [kept] }, telling: { _ in })
            #expect(again == 0)
        },
        ContractClause("several nodes that reap at once count each lost client once") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            for index in 0..<40 { _ = try await nodes[2].join(client("c\(index)")) }
            try await cluster.lose(nodes[2].id)
            async let one = nodes[0].store.reap()
            async let two = nodes[1].store.reap()
            let counts = try await [one, two].joined().map(\.clients)
            #expect(counts.reduce(0, +) == 40)
        },
    ]
}

/// The clients of whose loss was told.
private final class Losses: Sendable {
    private let names = Mutex<Set<String>>([])
    var clients: Set<String> { names.withLock { $0 } }
    func note(_ losses: [SessionLoss]) { names.withLock { $0.formUnion(losses.map(\.client.rawValue)) } }
}

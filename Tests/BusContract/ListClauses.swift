import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let listing: [ContractClause] = [
        ContractClause("clients are listed in the order of their ids, page by page") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let names = (0..<25).map { "c\($0)" }
            for (index, name) in names.enumerated() {
                _ = try await (index % 2 == 0 ? first : second).join(client(name))
            }
            let pages = try await pages(first.store, ClientFilter(), limit: 10)
            #expect(pages.map(\.count) == [10, 10, 5])
            #expect(pages.joined().map(\.client.rawValue) == names.sorted())
        },
        ContractClause("an empty cluster has an empty list") { cluster in
            let node = try await cluster.node("n1")
            #expect(
                try await node.store.clients(ClientFilter(), limit: 10, after: nil)
                    == ClientPage(clients: [], next: nil))
        },
        ContractClause("filters choose by state, node, group and labels") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await first.join(client("a"), groups: [group("g")], labels: ["k": "v"])
            _ = try await second.join(client("b"), groups: [group("g"), group("h")], labels: ["k": "v", "l": "w"])
            let (gone, goneEpoch) = try await first.join(client("c"), labels: ["k": "w"])
            let (lost, lostEpoch) = try await second.join(client("d"))
            first.store.unregister(first.departure(of: gone, epoch: goneEpoch))
            second.store.unregister(second.departure(of: lost, epoch: lostEpoch, isLost: true))
            _ = try await second.store.client(client("d"))

            func names(_ filter: ClientFilter) async throws -> [String] {
                _ = try await first.store.client(client("c"))
                return try await first.store.clients(filter, limit: 100, after: nil).clients.map(\.client.rawValue)
            }
            #expect(try await names(ClientFilter()) == ["a", "b", "c", "d"])
            #expect(try await names(ClientFilter(state: .online)) == ["a", "b"])
            #expect(try await names(ClientFilter(state: .offline)) == ["c", "d"])
            #expect(try await names(ClientFilter(state: .suspect)) == ["d"])
            #expect(try await names(ClientFilter(node: second.id)) == ["b", "d"])
            #expect(try await names(ClientFilter(state: .online, node: second.id)) == ["b"])
            #expect(try await names(ClientFilter(state: .online, node: NodeID(unchecked: "none"))) == [])
            #expect(try await names(ClientFilter(group: group("g"))) == ["a", "b"])
            #expect(try await names(ClientFilter(group: group("h"))) == ["b"])
            #expect(try await names(ClientFilter(labels: ["k": "v"])) == ["a", "b"])
            #expect(try await names(ClientFilter(labels: ["k": "v", "l": "w"])) == ["b"])
        },
        ContractClause("pages of one node's live clients go on where they ended") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            for index in 10..<30 { _ = try await (index % 4 == 0 ? second : first).join(client("c\(index)")) }
            let pages = try await pages(second.store, ClientFilter(state: .online, node: first.id), limit: 4)
            #expect(pages.joined().map(\.client.rawValue) == (10..<30).filter { $0 % 4 != 0 }.map { "c\($0)" })
            #expect(pages.allSatisfy { $0.count <= 4 })
        },
    ]

    private static func pages(_ store: any Store, _ filter: ClientFilter, limit: Int) async throws -> [[ClientPresence]]
    {
        var pages: [[ClientPresence]] = []
        var cursor: ClientID?
        repeat {
            let page = try await store.clients(filter, limit: limit, after: cursor)
            pages.append(page.clients)
            cursor = page.next
        } while cursor != nil && pages.count < 100
        return pages
    }
}

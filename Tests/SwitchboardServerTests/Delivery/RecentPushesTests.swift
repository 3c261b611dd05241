import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// The newest pushes of a node.
@Suite struct RecentPushesTests {
    private let node = NodeID(unchecked: "n1")

    private func order(_ target: Target) -> PushOrder { PushOrder(target: target, payload: text("secret")) }

    private func list(_ recent: RecentPushes, _ limit: Int) throws -> [JSONDocument] {
        let document = try JSONDocument(recent.body(limit, of: node))
        let elements = try #require(document["pushes"].flatMap { document.elements($0) })
        return elements.compactMap { document.object($0) }
    }

    @Test func theNewestComeFirst() throws {
        let recent = RecentPushes()
        for number in 1...3 {
            let note = try #require(recent.begin(order(.all), of: .anonymous))
            recent.add(note, PushID(unchecked: "p-\(number)"), PushCounts())
        }
        let pushes = try list(recent, 2)
        #expect(pushes.map { $0["id"].flatMap($0.string) } == ["p-3", "p-2"])
        #expect(!String(buffer: recent.body(9, of: node)).contains("secret"))
    }

    @Test func whatIsTooMuchIsSkipped() {
        let recent = RecentPushes()
        let notes = (0..<10_000).compactMap { _ in recent.begin(order(.all), of: .anonymous) }
        #expect(notes.count == 1000)
        recent.makeRoom()
        #expect(recent.begin(order(.all), of: .anonymous) != nil)
        for note in notes { recent.add(note, PushID(unchecked: "p"), PushCounts()) }
        #expect(String(buffer: recent.body(.max, of: node)).split(separator: "\"id\"").count == RecentPushes.limit + 1)
    }

    @Test func manyClientsAreNotAllNamed() throws {
        let recent = RecentPushes()
        let clients = (0..<1000).map { client("c-\($0)") }
        let note = try #require(recent.begin(order(.clients(clients)), of: .anonymous))
        recent.add(note, PushID(unchecked: "p"), PushCounts())
        let push = try #require(try list(recent, 1).first)
        #expect(push["named"].flatMap(push.integer) == 1000)
        #expect(recent.body(1, of: node).readableBytes < 500)
    }
}

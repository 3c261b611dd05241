import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct ClientListTests {
    private let clock = FakeClock()
    private let presence: InProcessPresence

    init() {
        let clock = clock
        presence = InProcessPresence(resumeWindow: 60) { clock.now }
    }

    /// The ids of all pages.
    private func list(_ filter: ClientFilter, limit: Int) -> [ClientID] {
        var found: [ClientID] = []
        var cursor: ClientID?
        repeat {
            let page = presence.clients(filter, limit: limit, after: cursor)
            #expect(page.clients.count <= limit)
            if let next = page.next {
                #expect(page.clients.count == limit)
                #expect(next == page.clients.last?.client)
            }
            found += page.clients.map(\.client)
            cursor = page.next
        } while cursor != nil && found.count < 10_000
        return found
    }

    @Test(arguments: Seeded.seeds)
    func pagesAndFiltersAgreeWithAPlainList(seed: UInt64) {
        var random = Seeded(seed)
        var all: [ClientPresence] = []
        for index in 0..<150 {
            let name = client("c\(random.below(1000))-\(index)")
            let record = session(
                of: name, on: node("n\(random.below(3))"),
                groups: (0..<3).filter { _ in random.chance(40) }.map { group("g\($0)") },
                labels: random.chance(50) ? ["k": "\(random.below(2))", "l": "x"] : [:])
            guard case .registered(let epoch, _) = presence.register(record, policy: .newest).0 else { continue }
            var expected = ClientPresence(
                client: name, state: .online, epoch: epoch, groups: record.groups, labels: record.labels)
            expected.node = record.node
            if random.chance(50) {
                let isLost = random.chance(50)
                presence.unregister(
                    Departure(
                        client: name, session: record.session, node: record.node, epoch: epoch, closeCode: 1000,
                        reason: "",
                        isLost: isLost, at: clock.now))
                expected.state = isLost ? .suspect : .offline
            }
            all.append(expected)
        }
        all.sort { $0.client < $1.client }
        for state in [nil, .online, .offline, .suspect] as [ClientPresence.State?] {
            for group in [nil, group("g0"), group("nobody's")] {
                for node in [nil, node("n1")] {
                    for labels in [[:], ["k": "1"], ["k": "1", "l": "x"], ["k": ""]] {
                        let filter = ClientFilter(state: state, group: group, labels: labels, node: node)
                        let expected = all.filter { client in
                            (state == nil || state == client.state || state == .offline && client.state == .suspect)
                                && (group.map { client.groups.contains($0) } ?? true)
                                && (node.map { client.node == $0 } ?? true)
                                && labels.allSatisfy { client.labels[$0.key] == $0.value }
                        }
                        for limit in [1, 7, 1000] { #expect(list(filter, limit: limit) == expected.map(\.client)) }
                    }
                }
            }
        }
    }

    @Test func aPageThatIsJustFullIsTheLast() {
        for name in ["a", "b"] { _ = presence.register(session(of: client(name)), policy: .newest) }
        let page = presence.clients(ClientFilter(), limit: 2, after: nil)
        #expect(page.clients.map(\.client) == [client("a"), client("b")])
        #expect(page.next == nil)
    }

    @Test func theCursorNeedNotExist() {
        for name in ["a", "c"] { _ = presence.register(session(of: client(name)), policy: .newest) }
        #expect(presence.clients(ClientFilter(), limit: 9, after: client("b")).clients.map(\.client) == [client("c")])
        #expect(presence.clients(ClientFilter(), limit: 9, after: client("z")).clients.isEmpty)
    }

    @Test func suspectClientsBecomeOfflineInTheListToo() {
        let record = session(of: client("a"))
        _ = presence.register(record, policy: .newest)
        presence.unregister(
            Departure(
                client: record.client, session: record.session, node: record.node, epoch: 1, closeCode: 1006,
                reason: "",
                isLost: true, at: clock.now))
        let suspects = ClientFilter(state: .suspect)
        #expect(presence.clients(suspects, limit: 9, after: nil).clients.count == 1)
        clock.advance(seconds: 60)
        #expect(presence.clients(suspects, limit: 9, after: nil).clients.isEmpty)
        #expect(presence.clients(ClientFilter(state: .offline), limit: 9, after: nil).clients.count == 1)
    }
}

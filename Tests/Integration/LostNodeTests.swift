import Foundation
import Synchronization
import Testing

/// A node is killed like by a power cut.
@Suite("A node is lost", .cluster(isHeavy: true), .logsOnFailure, .serialized, .timeLimit(.minutes(2)))
struct LostNodeTests {
    @Test("Its agents are back on other nodes within 10 s, never on two at once; the others are shown as lost")
    func killed() async throws {
        try await Clients.with { clients, cluster in
            let victim = cluster.nodes[0]
            let names = (1...9).map { "agent-\($0)" }
            var agents: [String: ChildProcess] = [:]
            for name in names {
                agents[name] = try await cluster.run(
                    name, Programs.switchboard(),
                    [
                        "agent", "--url", "ws://127.0.0.1:\(cluster.entrance)", "--id", name, "--group", "fleet",
                        "--health-interval", "0",
                    ])
            }
            // These do not come back.
            for number in 1...3 { _ = try await clients.raw("visitor-\(number)", on: victim, query: "group=fleet") }
            let api = cluster.nodes[2].api
            try await eventually("all agents are online", within: .seconds(20)) {
                try await online(api).filter { names.contains($0.clientId) }.count == names.count
            }
            let moved = try await online(api).filter { names.contains($0.clientId) && $0.node == victim.id }
            #expect(!moved.isEmpty, "nginx gives every node some of them")

            let watch = PresenceWatch(api: api)
            let watching = Task { try await watch.run() }
            let clock = ContinuousClock()
            let start = clock.now
            try await victim.kill()
            try await eventually("the lost agents are back", within: .seconds(10)) {
                try await online(api).filter { names.contains($0.clientId) && $0.node != victim.id }.count
                    == names.count
            }
            print("kill -9: \(moved.count) agents were back on other nodes after \(clock.now - start)")

            for name in names {
                let answer = try await cluster.api.pushed(
                    #"{"to":{"client":"\#(name)"},"text":"after the loss, for \#(name)"}"#)
                #expect(answer.counts == PushAnswer.reachedOne)
                try await eventually("\(name) has got it") {
                    agents[name]?.output.contains("after the loss, for \(name)") == true
                }
            }

            try await eventually("the visitors are not shown online", within: .seconds(15) - (clock.now - start)) {
                try await online(api).allSatisfy { !$0.clientId.hasPrefix("visitor-") }
            }
            print("kill -9: those who did not come back were shown as lost after \(clock.now - start)")
            for number in 1...3 {
                let info = try await api.client("visitor-\(number)")
                #expect(info.state == "suspect")
                #expect(info.closeReason == "the node was lost")
                let answer = try await api.pushed(#"{"to":{"client":"visitor-\#(number)"},"text":"x"}"#)
                #expect(answer.counts == PushAnswer.missedOne)
            }
            watch.end()
            try await watching.value
            #expect(watch.doubled == [])
            #expect(watch.looks > 10)
            #expect(try await api.get("/v1/nodes", as: NodePage.self).nodes.map(\.id).sorted() == ["n2", "n3"])
            #expect(
                try await api.post("/v1/groups/fleet/push", "x").decode(PushAnswer.self).counts == [
                    9, 9, 0, 0, 0, 0, 2,
                ])
        }
    }

    @Test("A node that is killed and started again before anybody noticed does not keep its old clients online")
    func restartedAtOnce() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[1]
            let api = cluster.nodes[2].api
            for number in 1...3 { _ = try await clients.raw("ghost-\(number)", on: node) }
            try await node.kill()
            try await node.start()
            try await node.ready()
            let back = try await clients.raw("ghost-1", on: node)
            try await eventually("those who did not come back are shown as lost", within: .seconds(10)) {
                try await online(api).map(\.clientId).filter { $0.hasPrefix("ghost-") } == ["ghost-1"]
            }
            #expect(try await api.client("ghost-2").closeReason == "the node was lost")
            #expect(try await api.pushed(#"{"to":{"client":"ghost-2"},"text":"x"}"#).counts == PushAnswer.missedOne)
            #expect(try await api.pushed(#"{"to":{"client":"ghost-1"},"text":"x"}"#).counts == PushAnswer.reachedOne)
            #expect(try await back.text() == "x")
        }
    }

    @Test("A node that comes back takes part again")
    func back() async throws {
        try await Clients.with { clients, cluster in
            let node = cluster.nodes[0]
            try await node.start()
            try await node.ready()
            let client = try await clients.framed("on-the-new-one", on: node)
            let answer = try await cluster.nodes[1].api.pushed(#"{"to":{"client":"on-the-new-one"},"text":"x"}"#)
            #expect(answer.counts == PushAnswer.reachedOne)
            _ = try await client.push()
            try await eventually("all nodes see it") {
                try await cluster.nodes[1].api.get("/v1/nodes", as: NodePage.self).nodes.count == 3
            }
            let all = try await cluster.nodes[1].api.post("/v1/broadcast", "x")
            #expect(all.status == 200)
        }
    }

    private func online(_ api: API) async throws -> [ClientInfo] {
        try await api.get("/v1/clients?state=online&limit=1000", as: ClientPage.self).clients
    }
}

/// Looks at presence all the time, and at the nodes' own lists of members, which must never name a client twice.
final class PresenceWatch: Sendable {
    private struct Seen {
        var looks = 0
        var doubled: [String] = []
        var isEnding = false
    }

    private let api: API
    private let seen = Mutex(Seen())

    init(api: API) { self.api = api }

    var looks: Int { seen.withLock { $0.looks } }
    var doubled: [String] { seen.withLock { $0.doubled } }

    /// The look that is under way is the last.
    func end() { seen.withLock { $0.isEnding = true } }

    /// Until ``end()``.
    func run() async throws {
        while !seen.withLock({ $0.isEnding }) {
            async let presence = api.get("/v1/clients?state=online&limit=1000", as: ClientPage.self).ids
            async let members = api.get("/v1/groups/fleet", as: GroupMembers.self).clients
            for ids in [try await presence, try await members] {
                let doubled = Dictionary(grouping: ids, by: \.self).filter { $0.value.count > 1 }.keys
                seen.withLock { $0.doubled += doubled }
            }
            seen.withLock { $0.looks += 1 }
            // Only a pause between two looks.
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

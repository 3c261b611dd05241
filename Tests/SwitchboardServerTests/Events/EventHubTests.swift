import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

@Suite struct EventHubTests {
    private let test = TestNode()
    private var hub: EventHub { test.node.events }

    private func lines(_ batch: EventBatch) -> [String] {
        String(buffer: batch.lines).split(separator: "\n").map(String.init)
    }

    /// What waits for the watcher.
    private func batches(_ feed: WatcherFeed) async -> [EventBatch] {
        feed.finish()
        var found: [EventBatch] = []
        for await case .batch(let batch) in feed.items { found.append(batch) }
        return found
    }

    @Test func nobodyWatchesUntilSomebodyDoes() async throws {
        #expect(!hub.isWatched)
        let feed = try #require(hub.watch(client: nil, types: []))
        #expect(hub.isWatched)
        hub.end(feed)
        #expect(!hub.isWatched)
    }

    @Test func aWatcherHearsWhatItAsksFor() async throws {
        let all = try #require(hub.watch(client: nil, types: []))
        let some = try #require(hub.watch(client: client("a"), types: ["session", "push.acked"]))
        hub.note(.sessionConnected, .client(client("a"))) { $0.string("session", "s1") }
        hub.note(.sessionClosed, .client(client("b"))) { $0.integer("code", 4004) }
        hub.note(.pushDelivered, .client(client("a"))) { _ in }
        hub.note(.pushAcked, .onlyWatchersOf(client("a"))) { _ in }
        hub.note(.nodeDraining, .node) { _ in }
        hub.sweep()
        let everything = await batches(all).flatMap(lines)
        #expect(
            everything.map { $0.prefix { $0 != " " } } == [
                "session.connected", "session.closed", "push.delivered", "node.draining",
            ])
        let document = try JSONDocument(ByteBuffer(string: String(everything[0].dropFirst("session.connected ".count))))
        #expect(document.members.map(\.name) == ["type", "at", "node", "client", "session"])
        #expect(
            await batches(some).flatMap(lines).map { $0.prefix { $0 != " " } } == ["session.connected", "push.acked"])
    }

    @Test func whatIsTooMuchIsCounted() async throws {
        let feed = try #require(hub.watch(client: nil, types: []))
        for _ in 0..<1200 { hub.note(.messageReceived, .client(client("a"))) { $0.integer("bytes", 1) } }
        hub.sweep()
        let batch = try #require(await batches(feed).first)
        #expect(lines(batch).count == 500)
        #expect(batch.dropped == 700)
    }

    @Test func whatAWatcherIsTooSlowForIsCounted() async throws {
        let feed = try #require(hub.watch(client: nil, types: []))
        for _ in 0..<50 {
            hub.note(.messageReceived, .client(client("a"))) { _ in }
            hub.sweep()
        }
        let kept = await batches(feed).count
        #expect(kept < 25)
        #expect(feed.takeLost(of: test.node.id) == 50 - kept)
        #expect(feed.takeLost(of: test.node.id) == 0)
    }

    @Test func watchersAndWatchesAreLimited() throws {
        var feeds: [WatcherFeed] = []
        for _ in 0..<EventHub.maximumWatchers { feeds.append(try #require(hub.watch(client: nil, types: []))) }
        #expect(!hub.mayWatch)
        #expect(hub.watch(client: nil, types: []) == nil)
        hub.end(feeds[0])
        #expect(hub.mayWatch)
        for number in 0..<1000 {
            hub.heed(Watch(id: "w\(number)", origin: NodeID(unchecked: "n2"), client: client("c\(number)"), lease: 9))
        }
        #expect(hub.watchedClients.count <= 512)
    }

    @Test func aWatchWhoseNodeIsGoneEnds() {
        hub.heed(Watch(id: "w", origin: NodeID(unchecked: "n2"), lease: 0))
        #expect(!hub.isWatched)
        hub.heed(Watch(id: "w", origin: NodeID(unchecked: "n2"), lease: 1))
        #expect(hub.isWatched)
        let end = ContinuousClock.now + .seconds(3)
        // Its clock is that of the machine.
        while hub.isWatched, ContinuousClock.now < end { hub.sweep() }
        #expect(!hub.isWatched)
    }

    @Test func aNodeThatStopsEndsItsStreams() async throws {
        let feed = try #require(hub.watch(client: nil, types: []))
        hub.close()
        var count = 0
        for await _ in feed.items { count += 1 }
        #expect(count == 1, "it had begun")
        #expect(hub.watch(client: nil, types: []) == nil)
    }

    @Test func everyTypeHasItsFamily() {
        #expect(EventType.pushAcked.isAmong([]))
        #expect(EventType.pushAcked.isAmong(["push"]))
        #expect(!EventType.pushAcked.isAmong(["push.delivered", "session"]))
        #expect(EventType.names.isSuperset(of: ["session", "push", "command", "message", "node", "node.drained"]))
    }
}

@Suite struct CloseLogTests {
    @Test func theNewestAreKept() {
        var log = CloseLog()
        for number in 0..<250 {
            log.add(
                ClosedSession(
                    client: client("c\(number)"), session: SessionID(unchecked: "s"), code: .normal, reason: "",
                    connectedAt: 0, at: UInt64(number)))
        }
        #expect(log.newest.map(\.at) == Array(150..<250).map { UInt64($0) })
    }
}

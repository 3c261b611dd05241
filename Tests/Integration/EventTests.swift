import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// `GET /v1/events`: what happens anywhere, seen from any node.
@Suite("Live events", .cluster(nodes: 2, proxy: true), .logsOnFailure, .serialized, .timeLimit(.minutes(1)))
struct EventTests {
    @Test("A watcher of another node sees a client's whole story, in order; one of somebody else sees nothing of it")
    func story() async throws {
        try await Clients.with { clients, cluster in
            let (node, other) = (cluster.nodes[0], cluster.nodes[1])
            let watcher = try await EventWatcher.start(other.api, "?client=hero&type=session,push,command&type=message")
            let stranger = try await EventWatcher.start(cluster.api, "?client=stranger")
            let client = try await clients.framed("hero", on: node, query: "group=shop")
            #expect(try await watcher.next("session.connected").string("address") == client.address)
            _ = try await other.api.push(#"{"to":{"client":"hero"},"data":1,"durable":true,"id":"e1"}"#)
            let offset = try await client.push()
            #expect(offset.frame.id == "e1")
            #expect(try await watcher.next("push.delivered").string("push") == "e1")
            try await client.acknowledge(offset.text)
            #expect(try await watcher.next("push.acked").string("push") == "e1")
            _ = try await other.api.push(#"{"to":{"group":"shop"},"data":2,"id":"e2"}"#)
            let group = try await watcher.next("push.delivered")
            #expect(group.string("push") == "e2" && group.string("channel") == "group:shop")
            #expect(try await client.push().frame.id == "e2")
            try await client.send(#"{"type":"message","id":"m1","data":{"secret":"word"}}"#)
            let message = try await watcher.next("message.received")
            #expect(message.string("message") == "m1" && !message.text.contains("word"))
            #expect(try await client.text().contains("ack"))
            let command = Task {
                try await other.api.send(
                    .POST, "/v1/clients/hero/commands", ByteBuffer(string: #"{"name":"beep","id":"k1"}"#),
                    type: "application/json")
            }
            #expect(try await watcher.next("command.sent").string("name") == "beep")
            _ = try await client.text()
            try await client.send(#"{"type":"result","id":"k1","status":204}"#)
            #expect(try await watcher.next("command.done").string("command") == "k1")
            #expect(try await command.value.status == 200)
            _ = try await other.api.send(.DELETE, "/v1/clients/hero?reason=bye")
            let closed = try await watcher.next("session.closed")
            #expect(closed.string("reason") == "bye" && closed.text.contains(#""code":4004"#))
            #expect(closed.string("node") == "n1")
            let closes = try await other.api.get("/v1/nodes/n1/closes?limit=1", as: ClosePage.self)
            #expect(closes.closes.first?.client == "hero" && closes.closes.first?.reason == "bye")
            #expect(stranger.count == 0)
            watcher.stop()
            stranger.stop()
        }
    }

    @Test("A watcher of all sees a broadcast as one event for each node")
    func broadcast() async throws {
        try await Clients.with { clients, cluster in
            for number in 0..<3 { _ = try await clients.framed("one-\(number)", on: cluster.nodes[0]) }
            for number in 0..<2 { _ = try await clients.framed("two-\(number)", on: cluster.nodes[1]) }
            let watcher = try await EventWatcher.start(cluster.api, "?type=push.delivered")
            #expect(try await cluster.api.post("/v1/broadcast", "x").decode(PushAnswer.self).delivered == 5)
            let texts = [try await watcher.next("push.delivered").text, try await watcher.next("push.delivered").text]
            #expect(texts.contains { $0.contains(#""node":"n1""#) && $0.contains(#""clients":3"#) })
            #expect(texts.contains { $0.contains(#""node":"n2""#) && $0.contains(#""clients":2"#) })
            watcher.stop()
        }
    }

    @Test("Nodes send nothing when nobody watches any more")
    func quiet() async throws {
        try await Clients.with { clients, cluster in
            let listener = try await cluster.redis().listen(to: "sb:node:*")
            let watcher = try await EventWatcher.start(cluster.nodes[1].api, "")
            _ = try await clients.framed("seen", on: cluster.nodes[0])
            _ = try await watcher.next("session.connected")
            // Another process prints it, when it gets to.
            try await eventually("it went over the bus") { listener.output.contains(#""type":"events""#) }
            watcher.stop()
            // Noticed when the connection has ended, or is written to.
            try await eventually("nobody watches", within: .seconds(20)) {
                let before = listener.output.components(separatedBy: #""type":"events""#).count
                let client = try await clients.framed("unseen-\(UUID().uuidString)", on: cluster.nodes[0])
                await client.drop()
                try await Task.sleep(for: .milliseconds(400))
                return listener.output.components(separatedBy: #""type":"events""#).count == before
            }
            await listener.stop()
        }
    }

    @Test("Refusals", arguments: ["?type=everything", "?client=a%20b", "?colour=red", "?client=a&client=b"])
    func refusals(query: String) async throws {
        #expect(try await Cluster.shared().api.get("/v1/events" + query).status == 400)
    }

    @Test("switchboard tail prints what happens")
    func command() async throws {
        try await Clients.with { clients, cluster in
            let tail = try await cluster.run(
                "tail", Programs.switchboard(),
                ["tail", "--url", "http://127.0.0.1:\(cluster.entrance)", "cli", "--json"])
            try await eventually("it watches") { tail.output.contains("watching 2 nodes") }
            _ = try await clients.framed("cli")
            try await eventually("it tells") { tail.output.contains(#"{"type":"session.connected""#) }
        }
    }
}

/// Somebody who watches.
final class EventWatcher: Sendable {
    struct Event: Sendable {
        let name: String
        let text: String

        func string(_ member: String) -> String? {
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            return object?[member] as? String
        }
    }

    private let inbox = Inbox<Event>()
    private let tally = Tally()
    private let task: Task<Void, any Error>

    var count: Int { tally.count }

    /// Returns when the watch has begun, everywhere.
    static func start(_ api: API, _ query: String) async throws -> EventWatcher {
        let watcher = EventWatcher(api, query)
        _ = try await watcher.take("watching")
        // The nodes have been told; each hears it before what is published later, and the test's next step is no message
        // but a handshake.
        try await Task.sleep(for: .milliseconds(150))
        return watcher
    }

    private init(_ api: API, _ query: String) {
        let (inbox, tally) = (inbox, tally)
        task = Task {
            defer { inbox.finish() }
            var request = HTTPClientRequest(url: api.base + "/v1/events" + query)
            request.headers.add(name: "Accept", value: "text/event-stream")
            let response = try await HTTPClient.shared.execute(request, timeout: .minutes(5))
            var rest = ""
            for try await chunk in response.body {
                rest += String(buffer: chunk)
                while let end = rest.range(of: "\n\n") {
                    let lines = rest[..<end.lowerBound].split(separator: "\n")
                    rest.removeSubrange(..<end.upperBound)
                    guard let name = lines.first, name.hasPrefix("event: "), let data = lines.dropFirst().first else {
                        continue
                    }
                    let event = Event(name: String(name.dropFirst(7)), text: String(data.dropFirst(6)))
                    if event.name != "watching" { tally.add() }
                    inbox.put(event)
                }
            }
        }
    }

    /// The next event, which must have this name.
    func next(_ name: String) async throws -> Event { try await take(name) }

    private func take(_ name: String) async throws -> Event {
        let event = try await inbox.next(within: .seconds(8), name)
        guard event.name == name else {
            throw SocketClient.Unexpected(description: "\(name) expected, not \(event)")
        }
        return event
    }

    func stop() { task.cancel() }
}

extension SocketClient {
    /// Acks the push whose frame this is.
    func acknowledge(_ frame: String) async throws {
        let object = try JSONSerialization.jsonObject(with: Data(frame.utf8)) as? [String: Any]
        guard let offset = object?["offset"] as? String else {
            throw Unexpected(description: "an offset expected in \(frame)")
        }
        try await send(#"{"type":"ack","offset":"\#(offset)"}"#)
    }
}

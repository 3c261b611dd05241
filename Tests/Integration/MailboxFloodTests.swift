import Foundation
import NIOCore
import NIOHTTP1
import SwitchboardAgent
import SwitchboardProtocol
import Synchronization
import Testing

/// Full mailboxes of many clients, who then all come at once.
///
/// `SWITCHBOARD_FLOOD=1000` takes that many clients, with 100 pushes each, instead of 100.
@Suite(
    "Mailbox flood", .cluster(isHeavy: true, options: ["--publish-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(5)))
struct MailboxFloodTests {
    private static let clients = ProcessInfo.processInfo.environment["SWITCHBOARD_FLOOD"].flatMap(Int.init) ?? 100
    /// As many as a mailbox takes by default.
    private static let pushes = 100
    /// As many lines as one request may have.
    private static let lines = 10_000

    @Test("Durable pushes fill the mailboxes of offline clients; then all connect at once and get everything in order")
    func flood() async throws {
        let cluster = try Cluster.shared()
        let redis = try cluster.redis()
        let total = Self.clients * Self.pushes
        let clock = ContinuousClock()
        let empty = cluster.nodes.map(\.residentMemory)
        let emptyRedis = try await redis.memory()

        try await redis.command("CONFIG", "RESETSTAT")
        let filling = clock.now
        try await fill(cluster.api)
        report("\(total) pushes into \(Self.clients) mailboxes", total, clock.now - filling)
        report(try await redis.calls(), for: total)
        let full = cluster.nodes.map(\.residentMemory)
        let fullRedis = try await redis.memory()
        let each = (fullRedis - emptyRedis) / total
        print("mailbox flood: Redis \(megabytes(fullRedis)), \(each) bytes a push; nodes \(full.map(megabytes))")

        try await redis.command("CONFIG", "RESETSTAT")
        let fleet = Fleet(count: Self.clients, port: cluster.entrance)
        let emptying = clock.now
        fleet.start()
        do {
            try await fleet.received.reach(total, within: .seconds(120), "all pushes arrive")
            report("\(total) pushes to \(Self.clients) clients that connect at once", total, clock.now - emptying)
            try await mailboxesAreEmpty(cluster.api)
            report(try await redis.calls(), for: total)
        } catch {
            await fleet.stop()
            throw error
        }
        let after = cluster.nodes.map(\.residentMemory)
        print("mailbox flood: nodes \(empty.map(megabytes)) before, \(after.map(megabytes)) after")
        #expect(fleet.wrong == [])
        #expect(fleet.received.count == total)
        await fleet.stop()
    }

    /// By as many requests of NDJSON as it takes.
    private func fill(_ api: API) async throws {
        var body = ByteBuffer()
        var lines = 0
        for number in 1...Self.pushes {
            for client in 0..<Self.clients {
                body.writeString(#"{"to":{"client":"flood-\#(client)"},"data":\#(number),"durable":true}"# + "\n")
                lines += 1
                guard lines == Self.lines || (number == Self.pushes && client == Self.clients - 1) else { continue }
                try await post(body, lines: lines, to: api)
                body.clear()
                lines = 0
            }
        }
    }

    private struct Line: Decodable {
        var status: Int
        var queued: Int?
        var offline: Int?
        var matched: Int?
    }

    private func post(_ body: ByteBuffer, lines: Int, to api: API) async throws {
        let answer = try await api.send(
            .POST, "/v1/pushes", body, type: "application/x-ndjson", timeout: .seconds(60))
        #expect(answer.status == 200)
        let answers = answer.text.split(separator: "\n")
        #expect(answers.count == lines)
        for text in answers {
            let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
            try #require(
                (200...202).contains(line.status) && line.queued == 1 && line.offline == 1 && line.matched == 0,
                "\(text)")
        }
    }

    private struct MailboxPage: Decodable {
        var count: Int
    }

    private func mailboxesAreEmpty(_ api: API) async throws {
        for client in 0..<Self.clients {
            try await eventually("the mailbox of flood-\(client) is empty") {
                try await api.get("/v1/clients/flood-\(client)/mailbox", as: MailboxPage.self).count == 0
            }
        }
    }

    // MARK: Figures

    private func report(_ what: String, _ count: Int, _ time: Duration) {
        let rate = Int(Double(count) / (time / .seconds(1)))
        print("mailbox flood: \(what) in \(time), \(rate)/s")
    }

    private func report(_ calls: [(command: String, count: Int)], for pushes: Int) {
        let scripts = calls.filter { $0.command.hasPrefix("eval") }.reduce(0) { $0 + $1.count }
        let list = calls.prefix(8).map { "\($0.command) \(perPush($0.count, pushes))" }.joined(separator: ", ")
        print("mailbox flood: Redis calls a push: \(perPush(scripts, pushes)) scripts; in them and beside them \(list)")
    }

    private func perPush(_ count: Int, _ pushes: Int) -> String {
        String(format: "%.3f", Double(count) / Double(pushes))
    }

    private func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
}

/// Agents that expect the numbers from 1 on.
private final class Fleet: Sendable {
    let received = Tally()
    private let agents: [Agent]
    private let tasks = Mutex<[Task<Void, any Error>]>([])
    private let complaints: Complaints

    private final class Complaints: Sendable {
        let list = Mutex<[String]>([])
    }

    init(count: Int, port: Int) {
        let (received, complaints) = (received, Complaints())
        self.complaints = complaints
        agents = (0..<count).map { number in
            let counter = Counter()
            return Agent(
                configuration: AgentConfiguration(
                    url: "ws://127.0.0.1:\(port)", client: ClientID(rawValue: "flood-\(number)")),
                handlers: AgentHandlers(onPush: { push in
                    let expected = counter.next()
                    let text = String(buffer: push.payload.bytes)
                    if text != "\(expected)" {
                        complaints.list.withLock { $0.append("flood-\(number) got \(text) instead of \(expected)") }
                    }
                    received.add()
                }))
        }
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        func next() -> Int {
            value.withLock {
                $0 += 1
                return $0
            }
        }
    }

    /// What came otherwise than expected: the first few.
    var wrong: [String] { complaints.list.withLock { Array($0.prefix(5)) } }

    func start() { tasks.withLock { $0 = agents.map { agent in Task { try await agent.run() } } } }

    func stop() async {
        await withTaskGroup { group in
            for agent in agents { group.addTask { await agent.stop() } }
        }
        for task in tasks.withLock({ $0 }) { _ = await task.result }
    }
}

extension RedisServer {
    /// Bytes that its data take.
    fileprivate func memory() async throws -> Int {
        try await figures("memory").first { $0.name == "used_memory_dataset" }.flatMap { Int($0.value) } ?? 0
    }

    /// How often each command was called, in scripts too, the most frequent first.
    fileprivate func calls() async throws -> [(command: String, count: Int)] {
        try await figures("commandstats").compactMap { name, value in
            guard name.hasPrefix("cmdstat_"), let calls = value.split(separator: ",").first?.split(separator: "=").last,
                let count = Int(calls)
            else { return nil }
            return (String(name.dropFirst("cmdstat_".count)), count)
        }.sorted { $0.count > $1.count }
    }

    private func figures(_ section: String) async throws -> [(name: String, value: String)] {
        try await command("INFO", section).split(whereSeparator: \.isNewline).compactMap { line in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), String(line[line.index(after: colon)...]))
        }
    }
}

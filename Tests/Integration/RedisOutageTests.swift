import Foundation
import NIOHTTP1
import Synchronization
import Testing

/// Redis goes away under load and comes back.
@Suite(
    "Redis is restarted", .cluster(isHeavy: true, options: ["--publish-rate", "0"]), .logsOnFailure, .serialized,
    .timeLimit(.minutes(2)))
struct RedisOutageTests {
    @Test(
        "Pushes are answered 503 and never lost behind a 200; sessions stay; 5 s after its return all is well",
        arguments: [
            Outage(seconds: 2, losesData: false), Outage(seconds: 8, losesData: false),
            Outage(seconds: 3, losesData: true),
        ])
    func outage(_ outage: Outage) async throws {
        try await Clients.with { clients, cluster in
            try await cluster.empty()
            let redis = try cluster.redis()
            var receivers: [(id: String, client: SocketClient)] = []
            for node in cluster.nodes {
                let id = "steady-\(node.id)"
                receivers.append((id, try await clients.raw(id, on: node)))
            }
            let leaving = try await clients.raw("leaving", on: cluster.nodes[1])
            let load = PushLoad(nodes: cluster.nodes, targets: receivers.map(\.id))
            let pushing = Task { await load.run() }
            try await eventually("the load runs") { load.answers.count > 100 }
            try await redis.kill()
            try await eventually("the outage is noticed") { load.count(status: 503) > 0 }
            await leaving.drop()
            try await Task.sleep(for: .seconds(outage.seconds))
            let during = load.answers.count
            #expect(load.count(status: 503) > 10)
            for node in cluster.nodes {
                #expect(node.process?.hasEnded == false)
                #expect(try await node.api.get("/healthz").status == 200)
                #expect(try await node.api.isReady() == false)
            }
            let broadcast = try await cluster.nodes[0].api.post("/v1/broadcast", "x")
            #expect(broadcast.status == 503)
            #expect(broadcast.problem == "bus_unavailable")
            #expect(broadcast.headers.contains(name: "Retry-After"))

            if outage.losesData { try redis.loseData() }
            let clock = ContinuousClock()
            let back = clock.now
            try await redis.start()
            for node in cluster.nodes {
                try await eventually("\(node.id) is ready again", within: .seconds(5)) { try await node.api.isReady() }
            }
            print("\(outage): all nodes were ready again \(clock.now - back) after Redis was started")
            if !outage.losesData {
                // Nobody could say so when it went.
                #expect(try await cluster.api.client("leaving").state == "suspect")
            }
            for (id, _) in receivers {
                for node in cluster.nodes {
                    let answer = try await node.api.post("/v1/clients/\(id)/push", "again").decode(PushAnswer.self)
                    #expect(answer.counts == PushAnswer.reachedOne, "\(id) by way of \(node.id)")
                }
            }
            try await eventually("the load is answered again") {
                load.answers.dropFirst(during).contains { $0.status == 200 }
            }
            pushing.cancel()
            await pushing.value
            #expect(
                try await cluster.api.post("/v1/broadcast", "last").decode(PushAnswer.self).counts == [
                    3, 3, 0, 0, 0, 0, 3,
                ])

            var received: [String: Int] = [:]
            for (_, client) in receivers {
                var text = try await client.text()
                while text != "last" {
                    received[text, default: 0] += 1
                    text = try await client.text()
                }
            }
            load.check(received: received)
            #expect(received["again"] == 9)
            #expect(
                try await cluster.api.get("/v1/clients?state=online", as: ClientPage.self).ids == receivers.map(\.id))
            print("\(outage): \(load.summary)")
        }
    }

    struct Outage: Sendable, CustomStringConvertible {
        var seconds: Int
        var losesData: Bool
        var description: String { "\(seconds) s without Redis" + (losesData ? ", which comes back empty" : "") }
    }
}

/// Pushes to every target by way of every node, one after the other and each with a text of its own, and keeps the
/// answers.
final class PushLoad: Sendable {
    struct Record: Sendable {
        var text: String
        /// 0 when the connection broke.
        var status: Int
        var push: PushAnswer?
    }

    private let nodes: [NodeServer]
    private let targets: [String]
    private let records = Mutex<[Record]>([])

    init(nodes: [NodeServer], targets: [String]) {
        self.nodes = nodes
        self.targets = targets
    }

    var answers: [Record] { records.withLock { $0 } }
    func count(status: Int) -> Int { answers.count { $0.status == status } }

    /// Until it is cancelled.
    func run() async {
        await withTaskGroup { group in
            for node in nodes {
                group.addTask { [self] in
                    var number = 0
                    while !Task.isCancelled {
                        number += 1
                        await push("\(node.id)-\(number)", to: targets[number % targets.count], by: node.api)
                        // The pace; being cancelled is how it ends.
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
            }
        }
    }

    private func push(_ text: String, to target: String, by api: API) async {
        var record = Record(text: text, status: 0)
        // A task of its own: what has been sent is to be answered, also when the load ends meanwhile.
        if let answer = await Task(operation: { try? await api.post("/v1/clients/\(target)/push", text) }).value {
            record.status = answer.status
            record.push = try? answer.decode()
        }
        let done = record
        records.withLock { $0.append(done) }
    }

    /// Every push that was answered 200 was received once; nothing was received twice; nobody was called offline.
    func check(received: [String: Int]) {
        let (all, last) = (answers, answers.count - 1)
        var wrong: [String: [Int]] = [:]
        for (index, record) in all.enumerated() {
            let times = received[record.text] ?? 0
            let isRight =
                switch record.status {
                case 200: record.push?.counts == PushAnswer.reachedOne && times == 1
                case 202, 503: times <= 1
                default: false
                }
            guard !isRight else { continue }
            wrong["\(record.status) \(record.push?.counts ?? []), received \(times) times", default: []].append(index)
        }
        for (what, indices) in wrong {
            let text = all[indices[0]].text
            Issue.record("\(indices.count) x \(what); the first is \(text), number \(indices[0]) of \(last + 1)")
        }
    }

    var summary: String {
        Dictionary(grouping: answers, by: \.status).sorted { $0.key < $1.key }.map { "\($0.value.count) x \($0.key)" }
            .joined(separator: ", ")
    }
}

import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// What travels: much, large, strange.
    struct TrafficTests {
        @Test(
            "The contract, shared routing", arguments: BusContract.clauses.filter { $0.description.contains("order") })
        func sharedOrder(clause: ContractClause) async throws {
            try await withCluster {
                $0.routing = .shared
            } _: { fixture, _ in
                try await clause.check(fixture)
            }
        }

        @Test func sharedRoutingReachesEveryNode() async throws {
            try await withCluster {
                $0.routing = .shared
            } _: { fixture, _ in
                let recorders = [Recorder(), Recorder()]
                let first = try await fixture.makeCluster(node("n1"), receiver: recorders[0])
                _ = try await fixture.makeCluster(node("n2"), receiver: recorders[1])
                let message = push("x", target: .client(client("a")))
                #expect(try await first.route(message, to: client("a")) == .routed(nodes: 2))
                for recorder in recorders { #expect(await recorder.relevant(1) == [message]) }
            }
        }

        @Test func aBurstArrivesToTheLastMessage() async throws {
            try await withCluster {
                $0.commandLimit = 200_000
            } _: { fixture, _ in
                let recorder = Recorder()
                let first = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let count = 100_000
                let message = push(String(repeating: "x", count: 128))
                for _ in 0..<count { first.bus.publish(message) { _ in } }
                #expect(await recorder.relevant(count, within: .seconds(60)).count == count)
                #expect(first.statistics.publishes >= count)
                #expect(first.statistics.droppedMessages == 0)
            }
        }

        @Test("Large messages arrive whole", arguments: [1 << 20, 16 << 20])
        func large(size: Int) async throws {
            try await withCluster { fixture, _ in
                let recorders = [Recorder(), Recorder()]
                let first = try await fixture.makeCluster(node("n1"), receiver: recorders[0])
                let second = try await fixture.makeCluster(node("n2"), receiver: recorders[1])
                let message = push(ByteBuffer(repeating: 0x7A, count: size))
                #expect(try await first.publish(message) == 2)
                for recorder in recorders { #expect(await recorder.relevant(1) == [message]) }
                _ = try await second.join("a")
                #expect(try await first.route(message, to: client("a")) == .routed(nodes: 1))
                #expect(await recorders[1].relevant(2) == [message, message])
            }
        }

        @Test func whatCannotBeUnderstoodIsCountedAndHarmsNothing() async throws {
            try await withCluster { fixture, server in
                let (recorder, log) = (Recorder(), LogLines())
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder, logger: log.logger)
                let plain = try await PlainRedis(server.url)
                let garbage = [
                    "", "{", "no json", #"{"to":{}}"#, #"{"type":"unheard-of"}"#, "message", "sb:push", "\u{0}\u{1}",
                    "{}\n{}",
                ]
                for text in garbage { try await plain("PUBLISH", "sb:push", text) }
                try await plain("PUBLISH", "sb:node:{n1}", "subscribe")
                _ = try await cluster.publish(push("still here"))
                #expect(await recorder.relevant(1) == [push("still here")])
                #expect(cluster.statistics.droppedMessages == garbage.count + 1)
                #expect(log.warnings.map(\.message) == ["bus messages were not understood and dropped"])
                #expect(cluster.statistics.reconnects == 0)
                plain.close()
            }
        }

        @Test func anyProgramMayPublish() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                _ = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let plain = try await PlainRedis(server.url)
                try await plain("PUBLISH", "sb:push", #"{"to":{"client":"a"},"text":"one line"}"#)
                try await plain("PUBLISH", "sb:push", "{\"to\":{\"all\":true},\"id\":\"mine\"}\n{\"a\":1}")
                let messages = await recorder.relevant(2)
                guard messages.count == 2, case .push(let first) = messages[0], case .push(let second) = messages[1]
                else {
                    Issue.record("got \(messages)")
                    return
                }
                #expect(first.target == .client(client("a")))
                #expect(first.payload == Payload(format: .text, bytes: ByteBuffer(string: "one line")))
                #expect(first.id.rawValue.count == 26)
                #expect(second.id.rawValue == "mine")
                #expect(second.payload == Payload(format: .json, bytes: ByteBuffer(string: "{\"a\":1}")))
                plain.close()
            }
        }

        @Test func scriptsThatRedisForgotAreSentAgain() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let first = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let second = try await fixture.makeCluster(node("n2"), receiver: recorder)
                _ = try await second.join("a")
                let plain = try await PlainRedis(server.url)
                for round in 0..<5 {
                    try await withThrowingTaskGroup(of: RouteOutcome.self) { tasks in
                        for index in 0..<100 {
                            tasks.addTask { try await first.route(push("\(round)/\(index)"), to: client("a")) }
                            if index == 50 { try await plain("SCRIPT", "FLUSH") }
                        }
                        for try await outcome in tasks { #expect(outcome == .routed(nodes: 1)) }
                    }
                }
                let arrived = Set(await recorder.relevant(500))
                #expect(arrived.count == 500)

                try await plain("SCRIPT", "FLUSH")
                let (session, epoch) = try await first.join("b")
                try await plain("SCRIPT", "FLUSH")
                try await first.store.restore([(session, epoch)])
                try await plain("SCRIPT", "FLUSH")
                try await first.beat()
                #expect(try await second.store.client(client("b"))?.state == .online)
                plain.close()
            }
        }

        @Test(.enabled(if: TestCertificate.canBeMade, "openssl is not installed"))
        func speaksTLS() async throws {
            let certificate = try TestCertificate()
            defer { certificate.remove() }
            let port = try await RedisServer.freePort()
            try await RedisServer.with([
                "--tls-port", "\(port)", "--tls-cert-file", certificate.file, "--tls-key-file", certificate.key,
                "--tls-ca-cert-file", certificate.file, "--tls-auth-clients", "no",
            ]) { _ in
                let fixture = RedisFixture("rediss://localhost:\(port)") { $0.trustRoots = certificate.file }
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let message = push(ByteBuffer(repeating: 0x7A, count: 1 << 20))
                #expect(try await cluster.publish(message) == 1)
                #expect(await recorder.relevant(1) == [message])
                await fixture.end()

                let log = LogLines()
                let distrustful = RedisFixture("rediss://localhost:\(port)")
                let other = try distrustful.startCluster(node("n2"), receiver: Recorder(), logger: log.logger)
                #expect(try await eventually { !log.warnings.isEmpty })
                #expect(!other.bus.isAvailable)
                await distrustful.end()
            }
        }
    }
}

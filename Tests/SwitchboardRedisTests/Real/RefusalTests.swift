import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// A Redis that answers, but not as a node needs it.
    struct RefusalTests {
        @Test func waitsForTheRightPassword() async throws {
            try await RedisServer.with(["--requirepass", "right"]) { server in
                let fixture = RedisFixture("redis://:wrong@127.0.0.1:\(server.port)")
                let (recorder, log) = (Recorder(), LogLines())
                let cluster = try fixture.startCluster(node("n1"), receiver: recorder, logger: log.logger)
                #expect(try await eventually { !log.warnings.isEmpty })
                #expect(
                    log.warnings[0].metadata["reason"]?.hasPrefix("Redis refused the user or password: WRONGPASS")
                        == true)
                let plain = try await PlainRedis("redis://:right@127.0.0.1:\(server.port)")
                try await plain("CONFIG", "SET", "requirepass", "wrong")
                #expect(await recorder.recovered())
                #expect(cluster.bus.isAvailable)
                #expect(log.warnings.count == 1)
                #expect(!log.all.contains { "\($0)".contains("wrong@") })
                plain.close()
                await fixture.end()
            }
        }

        @Test func usesUserAndDatabase() async throws {
            try await RedisServer.with(["--user", "kiosk", "on", ">pa:ss", "~sb:*", "~{sb:*", "&sb:*", "+@all"]) {
                server in
                let fixture = RedisFixture("redis://kiosk:pa%3Ass@127.0.0.1:\(server.port)/5")
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                _ = try await cluster.join("a")
                let plain = try await PlainRedis(server.url + "/5")
                #expect(try await plain("EXISTS", "sb:client:{a}") == .integer(1))
                let clients = try await plain("CLIENT", "LIST").text
                #expect(clients?.contains("name=switchboard:n1:commands") == true)
                #expect(clients?.contains("name=switchboard:n1:subscriber") == true)
                plain.close()
                await fixture.end()
            }
        }

        @Test func saysOnceThatTheChannelIsForbidden() async throws {
            try await RedisServer.with(["--user", "kiosk", "on", ">pass", "~*", "&other:*", "+@all"]) { server in
                let fixture = RedisFixture("redis://kiosk:pass@127.0.0.1:\(server.port)")
                let log = LogLines()
                let cluster = try fixture.startCluster(node("n1"), receiver: Recorder(), logger: log.logger)
                #expect(try await eventually { !log.warnings.isEmpty })
                #expect(log.warnings[0].metadata["reason"]?.contains("NOPERM") == true)
                #expect(!cluster.bus.isAvailable)
                await fixture.end()
            }
        }

        @Test func doesNotWorkWithAReplicaUntilItIsPromoted() async throws {
            try await RedisServer.with { master in
                try await RedisServer.with(["--replicaof", "127.0.0.1 \(master.port)"]) { replica in
                    let fixture = RedisFixture(replica.url)
                    let (recorder, log) = (Recorder(), LogLines())
                    let cluster = try fixture.startCluster(node("n1"), receiver: recorder, logger: log.logger)
                    #expect(try await eventually { !log.warnings.isEmpty })
                    #expect(log.warnings[0].metadata["reason"] == "\(RedisTrouble.readOnly)")
                    let plain = try await PlainRedis(replica.url)
                    try await plain("REPLICAOF", "NO", "ONE")
                    #expect(await recorder.recovered())
                    #expect(try await cluster.publish(push("x")) == 1)
                    #expect(log.warnings.count == 1)
                    plain.close()
                    await fixture.end()
                }
            }
        }

        /// A master that becomes a replica still publishes: only asking for its role shows it.
        @Test func noticesThatItsMasterWasDemoted() async throws {
            try await RedisServer.with { other in
                try await withCluster {
                    $0.probeInterval = .milliseconds(200)
                } _: { fixture, server in
                    let log = LogLines()
                    let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder(), logger: log.logger)
                    let plain = try await PlainRedis(server.url)
                    try await plain("REPLICAOF", "127.0.0.1", "\(other.port)")
                    #expect(try await eventually { !cluster.bus.isAvailable && !log.warnings.isEmpty })
                    #expect(log.warnings[0].metadata["reason"] == "\(RedisTrouble.readOnly)")
                    plain.close()
                }
            }
        }

        @Test func waitsWhileRedisLoads() async throws {
            try await RedisServer.with(["--enable-debug-command", "yes"]) { server in
                let plain = try await PlainRedis(server.url)
                try await plain("DEBUG", "POPULATE", "4000")
                try await plain("SAVE")
                plain.close()
                server.kill()
                // 0.5 ms a key: two seconds.
                try await server.start(
                    ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"],
                    waitingFor: "Loading RDB produced by")
                let fixture = RedisFixture(server.url)
                let (recorder, log) = (Recorder(), LogLines())
                let cluster = try fixture.startCluster(node("n1"), receiver: recorder, logger: log.logger)
                #expect(try await eventually { !log.warnings.isEmpty })
                #expect(log.warnings[0].metadata["reason"] == "\(RedisTrouble.loading)")
                #expect(await recorder.recovered())
                #expect(cluster.bus.isAvailable)
                #expect(log.warnings.count == 1)
                await fixture.end()
            }
        }

        @Test func refusesWhatIsBeyondTheQueue() async throws {
            try await withCluster {
                $0.commandLimit = 100
                // The canary and what goes with it would take places of the queue.
                $0.probeInterval = .seconds(60)
            } _: { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                server.freeze()
                let outcomes = await withTaskGroup(of: String.self) { tasks in
                    for index in 0..<300 {
                        tasks.addTask {
                            do {
                                _ = try await cluster.publish(push("\(index)"))
                                return "sent"
                            } catch { return error as? BusError == .overloaded ? "overloaded" : "\(error)" }
                        }
                    }
                    var outcomes: [String: Int] = [:]
                    var overloaded = 0
                    for await outcome in tasks {
                        outcomes[outcome, default: 0] += 1
                        if outcome == "overloaded" {
                            overloaded += 1
                            // The refusals come first, while Redis stands still; then it may answer the rest.
                            if overloaded == 200 { server.thaw() }
                        }
                    }
                    return outcomes
                }
                #expect(outcomes == ["sent": 100, "overloaded": 200])
                #expect(await recorder.relevant(100).count == 100)
            }
        }

        @Test func aServerThatIsNoRedisIsAProtocolError() async throws {
            let web = try await FakeServer.answering("HTTP/1.1 400 Bad Request\r\n\r\n")
            let fixture = RedisFixture("redis://127.0.0.1:\(web.port)")
            let log = LogLines()
            _ = try fixture.startCluster(node("n1"), receiver: Recorder(), logger: log.logger)
            #expect(try await eventually { !log.warnings.isEmpty })
            #expect(log.warnings[0].metadata["reason"]?.contains("Protocol error, got \"H\"") == true)
            await fixture.end()
            try await web.close()
        }
    }
}

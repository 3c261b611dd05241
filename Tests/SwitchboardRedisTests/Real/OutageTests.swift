import BusContract
import Dispatch
import NIOCore
import NIOPosix
import SwitchboardCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// Redis goes away in every way it can.
    struct OutageTests {
        @Test func killedAndRestartedUnderLoad() async throws {
            try await withCluster { fixture, server in
                let recorders = [Recorder(), Recorder()]
                let log = LogLines()
                let first = try await fixture.makeCluster(node("n1"), receiver: recorders[0], logger: log.logger)
                let second = try await fixture.makeCluster(node("n2"), receiver: recorders[1])
                let session = try await second.join("a")
                let load = Load(first, to: client("a"))
                let task = Task { await load.run() }
                #expect(await recorders[1].relevant(100).count >= 100)

                server.kill()
                #expect(try await eventually { !first.bus.isAvailable && !second.bus.isAvailable })
                await #expect(throws: BusError.self) { try await first.route(push("x"), to: client("a")) }
                await #expect(throws: BusError.self) { try await first.store.nodes() }
                // Away for long enough that every node is deep in its back-off.
                try await Task.sleep(for: .seconds(3))
                try await server.start()
                let returned = ContinuousClock.now
                #expect(await recorders[0].recovered())
                #expect(await recorders[1].recovered())
                #expect(first.bus.isAvailable && second.bus.isAvailable)
                // It came back empty: presence is written again.
                try await second.beat()
                try await second.store.restore([session])
                #expect(try await first.route(push("after"), to: client("a")) == .routed(nodes: 1))
                #expect(await recorders[1].wait { messages, _ in messages.contains(push("after")) })
                #expect(ContinuousClock.now - returned < .seconds(5))

                load.stop()
                await task.value
                #expect(load.unanswered == 0)
                #expect(load.failed > 0)
                #expect(first.statistics.reconnects == 1)
                // One line for each change, however many attempts there were: closed (or not answering), no connection, back.
                #expect((1...2).contains(log.warnings.count))
                #expect(Set(log.warnings.map { $0.metadata["reason"] }).count == log.warnings.count)
                #expect(log.all.filter { $0.message == "Redis is available" }.count == 2)
            }
        }

        @Test func pendingCommandsFailAtOnceWhenTheConnectionEnds() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                server.freeze()
                let one = Task { try await cluster.publish(push("1")) }
                let two = Task { try await cluster.store.client(client("a")) }
                #expect(try await eventually { cluster.statistics.commands >= 4 })
                let begin = ContinuousClock.now
                server.kill()
                await #expect(throws: BusError.self) { try await one.value }
                await #expect(throws: BusError.self) { try await two.value }
                #expect(ContinuousClock.now - begin < .seconds(1))
            }
        }

        @Test func aPausedRedisMissesTheDeadline() async throws {
            try await withCluster {
                $0.commandTimeout = .milliseconds(500)
            } _: { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let plain = try await PlainRedis(server.url)
                try await plain("CLIENT", "PAUSE", "2000", "ALL")
                plain.close()
                let begin = ContinuousClock.now
                await #expect(throws: BusError.unavailable("Redis did not answer in time")) {
                    try await cluster.publish(push("x"))
                }
                #expect(ContinuousClock.now - begin < .seconds(1.5))
                #expect(!cluster.bus.isAvailable)
                #expect(await recorder.recovered())
                #expect(try await cluster.publish(push("y")) == 1)
            }
        }

        /// Half-open: the connections stay, nothing comes.
        @Test func aLostCanaryEndsTheLink() async throws {
            try await withCluster {
                $0.probeInterval = .milliseconds(200)
                $0.canaryTimeout = .milliseconds(600)
                $0.commandTimeout = .seconds(60)
            } _: { fixture, server in
                let (recorder, log) = (Recorder(), LogLines())
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder, logger: log.logger)
                #expect(try await eventually { (cluster.statistics.canaryAge ?? 9) < 0.1 })
                server.freeze()
                #expect(try await eventually(within: .seconds(5)) { !cluster.bus.isAvailable })
                #expect(log.warnings.first?.metadata["reason"] == "\(RedisTrouble.canaryLost)")
                server.thaw()
                #expect(await recorder.recovered())
                #expect(try await cluster.publish(push("y")) == 1)
            }
        }

        @Test func aKilledSubscriberIsNoticedAndRenewed() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let plain = try await PlainRedis(server.url)
                #expect(try await plain("CLIENT", "KILL", "TYPE", "pubsub") == .integer(1))
                #expect(await recorder.recovered())
                #expect(cluster.statistics.reconnects == 1)
                #expect(try await cluster.publish(push("y")) == 1)
                #expect(await recorder.relevant(1) == [push("y")])
                plain.close()
            }
        }

        /// Redis drops a listener that does not keep up; it must come back by itself.
        @Test func aSlowSubscriberComesBack() async throws {
            try await withCluster(["--client-output-buffer-limit", "pubsub 4mb 0 0"]) { fixture, server in
                let slow = SlowReceiver()
                // On threads of its own, since it holds one of them up.
                let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
                let sender = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let listener = try await fixture.makeCluster(node("n2"), receiver: slow, group: group)
                slow.hold()
                let message = push(ByteBuffer(repeating: 0x78, count: 1 << 20))
                for _ in 0..<64 { sender.bus.send(message, to: node("n2")) }
                let plain = try await PlainRedis(server.url)
                #expect(
                    try await eventually {
                        try await plain("CLIENT", "LIST", "TYPE", "pubsub").text?.contains("switchboard:n2") == false
                    })
                slow.release()
                #expect(await slow.recorder.recovered())
                #expect(listener.statistics.reconnects == 1)
                #expect(sender.statistics.reconnects == 0)
                sender.bus.send(push("again"), to: node("n2"))
                #expect(await slow.recorder.wait { messages, _ in messages.contains(push("again")) })
                plain.close()
                await fixture.end()
                try await group.shutdownGracefully()
            }
        }

        @Test func startsWithoutRedisAndWaitsForIt() async throws {
            let server = try await RedisServer()
            defer { server.remove() }
            server.kill()
            let fixture = RedisFixture(server.url)
            let (recorder, log) = (Recorder(), LogLines())
            let cluster = try fixture.startCluster(node("n1"), receiver: recorder, logger: log.logger)
            #expect(try await eventually { !log.warnings.isEmpty })
            #expect(!cluster.bus.isAvailable)
            #expect(cluster.statistics.canaryAge == nil)
            await #expect(throws: BusError.self) { try await cluster.publish(push("x")) }
            try await server.start()
            #expect(await recorder.recovered(within: .seconds(6)))
            #expect(cluster.bus.isAvailable)
            #expect(log.warnings.count == 1)
            await fixture.end()
        }

        @Test func shutdownFinishesWhatWasSentAndSaysGoodbye() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let leaving = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                _ = try await fixture.makeCluster(node("n2"), receiver: recorder)
                for index in 0..<100 { leaving.bus.publish(push("\(index)")) { _ in } }
                await leaving.shutdown()
                #expect(!leaving.bus.isAvailable)
                #expect(await recorder.wait { messages, _ in messages.contains(.nodeDown(node("n1"))) })
                #expect(recorder.relevant.count == 100)
                await #expect(throws: BusError.unavailable("the link was shut down")) {
                    try await leaving.publish(push("x"))
                }
                let plain = try await PlainRedis(server.url)
                #expect(
                    try await eventually { try await plain("CLIENT", "LIST").text?.contains("switchboard:n1") == false }
                )
                plain.close()
            }
        }
    }
}

/// Routes pushes to one client without end, and counts what becomes of them.
private final class Load: Sendable {
    private let cluster: RedisBackplane
    private let client: ClientID
    private let sent = Atomic<Int>(0)
    private let answered = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)

    init(_ cluster: RedisBackplane, to client: ClientID) {
        self.cluster = cluster
        self.client = client
    }

    var unanswered: Int {
        sent.load(ordering: .sequentiallyConsistent) - answered.load(ordering: .sequentiallyConsistent)
    }
    var failed: Int { failures.load(ordering: .sequentiallyConsistent) }

    func stop() { isStopped.store(true, ordering: .sequentiallyConsistent) }

    func run() async {
        while !isStopped.load(ordering: .sequentiallyConsistent) {
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<32 {
                    tasks.addTask { [self] in
                        sent.add(1, ordering: .sequentiallyConsistent)
                        do {
                            _ = try await cluster.route(push("load"), to: client)
                        } catch {
                            failures.add(1, ordering: .sequentiallyConsistent)
                        }
                        answered.add(1, ordering: .sequentiallyConsistent)
                    }
                }
            }
            // Refusals come at once; without this pause the loop would only burn the processor.
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// Holds up the thread of its bus while told to: what a receiver must never do.
private final class SlowReceiver: BusReceiver {
    let recorder = Recorder()
    private let isHeld = Mutex(false)
    private let released = DispatchSemaphore(value: 0)

    func hold() { isHeld.withLock { $0 = true } }

    func release() {
        isHeld.withLock { $0 = false }
        released.signal()
    }

    func receive(_ message: BusMessage) {
        if Recorder.isRelevant(message), isHeld.withLock({ $0 }) { released.wait() }
        recorder.receive(message)
    }

    func busWasLost() { recorder.busWasLost() }
    func busDidRecover() { recorder.busDidRecover() }
}

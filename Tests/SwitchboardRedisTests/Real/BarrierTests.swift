import BusContract
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// Barriers when something is wrong.
    struct BarrierTests {
        @Test func aKilledRedisFailsItAtOnce() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                server.freeze()
                let before = cluster.statistics.commands
                let barriers = (0..<5).map { _ in Task { try await cluster.barrier() } }
                #expect(try await eventually { cluster.statistics.commands > before })
                let begin = ContinuousClock.now
                server.kill()
                for barrier in barriers { await #expect(throws: BusError.self) { try await barrier.value } }
                #expect(ContinuousClock.now - begin < .seconds(1))
                try await server.start()
                #expect(await recorder.recovered())
                try await cluster.barrier()
            }
        }

        @Test func aLostSubscriberFailsItAtOnce() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let plain = try await PlainRedis(server.url)
                let begin = ContinuousClock.now
                try await plain("CLIENT", "KILL", "TYPE", "pubsub")
                await #expect(throws: BusError.self) {
                    for _ in 0..<1000 { try await cluster.barrier() }
                }
                #expect(ContinuousClock.now - begin < .seconds(1.5))
                #expect(await recorder.recovered())
                try await cluster.barrier()
                plain.close()
            }
        }

        @Test func aRedisThatStandsStillFailsItInTime() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                try await cluster.barrier()
                server.freeze()
                let begin = ContinuousClock.now
                await #expect(throws: BusError.self) { try await cluster.barrier() }
                #expect((Duration.seconds(1.9)...Duration.seconds(3)).contains(ContinuousClock.now - begin))
                server.thaw()
                // The token of the round that failed comes back now, and meets nobody.
                try await cluster.barrier()
                #expect(cluster.statistics.reconnects == 0)
            }
        }

        @Test func aTokenOfSomebodyElseIsIgnored() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                for token in ["n1/", "n1/x/1", "n1//", "n1/1"] {
                    try await plain("PUBLISH", "sb:node:{n1}", #"{"type":"canary","token":"\#(token)"}"#)
                }
                try await cluster.barrier()
                #expect(cluster.bus.isAvailable)
                #expect(cluster.statistics.droppedMessages == 0)
                plain.close()
            }
        }
    }
}

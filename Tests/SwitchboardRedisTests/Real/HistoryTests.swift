import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// Histories beyond the contract.
    struct HistoryTests {
        @Test func strangeAndLargePayloadsAreKeptByteForByte() async throws {
            try await withCluster { fixture, _ in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let begin = try await cluster.history(of: "all", after: nil).newest
                var kept: [BusPush] = []
                for size in [1 << 20, 600, 0] {
                    kept.append(try await cluster.append(durable("\(size)", to: .all, strangeBytes(size))))
                }
                #expect(await recorder.relevant(3) == kept.map { .push($0) })
                #expect(try await cluster.history(of: "all", after: begin).pushes == kept)
            }
        }

        /// A page is bounded in bytes as well: a reply that is too long would end the connection.
        @Test func whatIsTooLargeForAReplyIsNotRecovered() async throws {
            try await withCluster {
                $0.messageLimit = 1 << 20
            } _: { fixture, _ in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let begin = try await cluster.history(of: "all", after: nil).newest
                var kept: [BusPush] = []
                for index in 0..<7 {
                    kept.append(try await cluster.append(durable("\(index)", to: .all, strangeBytes(100_000))))
                }
                #expect(try await cluster.history(of: "all", after: begin).pushes == nil)
                #expect(try await cluster.history(of: "all", after: kept[2].historyOffset).pushes == Array(kept[3...]))
                #expect(cluster.statistics.reconnects == 0)
            }
        }

        @Test func aLostHistoryHasAnotherEpoch() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let one = try await cluster.append(durable("1", to: .all))
                try await plain("FLUSHALL")
                let page = try await cluster.history(of: "all", after: one.historyOffset)
                #expect(page.pushes == nil)
                #expect(page.newest.epoch != one.historyOffset?.epoch)
                #expect(page.newest.offset == .zero)
                let two = try await cluster.append(durable("2", to: .all))
                #expect(two.historyOffset?.epoch == page.newest.epoch)
                #expect(try await cluster.history(of: "all", after: page.newest).pushes == [two])
                plain.close()
            }
        }

        @Test func aStreamLostWithoutItsStateIsNoticed() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let one = try await cluster.append(durable("1", to: .all))
                let two = try await cluster.append(durable("2", to: .all))
                try await plain("DEL", "sb:history:{all}")
                #expect(try await cluster.history(of: "all", after: one.historyOffset).pushes == nil)
                #expect(try await cluster.history(of: "all", after: two.historyOffset).pushes == [])
                // As if the clock had stepped back as well.
                try await plain("HSET", "sb:history:{all}:state", "last", "9999999999999-7")
                let three = try await cluster.append(durable("3", to: .all))
                #expect(three.offset?.description == "9999999999999-8")
                #expect((try await plain("PTTL", "sb:history:{all}").integer ?? 0) > 0)
                plain.close()
            }
        }

        /// From a client whose Redis was put back to an earlier state, or that made it up.
        @Test(
            "Offsets that were never given",
            arguments: [StreamOffset.max, StreamOffset(milliseconds: 1 << 53, sequence: 0)])
        func offsetsOfTheFuture(offset: StreamOffset) async throws {
            try await withCluster { fixture, _ in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let one = try await cluster.append(durable("1", to: .all))
                let epoch = try #require(one.historyOffset?.epoch)
                let page = try await cluster.history(of: "all", after: HistoryOffset(epoch: epoch, offset: offset))
                #expect(page == HistoryPage(newest: try #require(one.historyOffset), pushes: nil))
                #expect(try await cluster.mail(of: client("a"), after: offset).pushes.isEmpty)
                let kept = try await cluster.keep(durable("2"))
                #expect(try await cluster.acknowledge(client("a"), upTo: offset).map(\.id) == [kept.id])
            }
        }

        @Test func aHistoryWithoutLimitDoesNotGrowForEver() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                var last = durable("0", to: .all)
                for index in 0..<3000 {
                    last = try await cluster.append(durable("\(index)", to: .all, lifetime: 0.05))
                }
                try await expiry(of: last)
                // Each push takes some of those along that have expired.
                for _ in 0..<5 { last = try await cluster.append(durable("last", to: .all)) }
                #expect(try await plain("XLEN", "sb:history:{all}") == .integer(5))
                plain.close()
            }
        }

        @Test func keysGoByThemselves() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let hour = 3600
                _ = try await cluster.history(of: "all", after: nil)
                #expect((23 * hour...24 * hour).contains(try await plain("TTL", "sb:history:{all}:state").integer ?? 0))
                for (lifetime, bounds) in [(1, 6...14), (48, 53...61), (1, 53...61)] {
                    try await cluster.append(durable("1", to: .all, lifetime: Double(lifetime * hour)))
                    for key in ["sb:history:{all}", "sb:history:{all}:state"] {
                        let left = try await plain("TTL", key).integer ?? 0
                        #expect(bounds.contains(left / hour), "\(key): \(left)")
                    }
                }
                plain.close()
            }
        }

        @Test func aLogIsBoundedAndGoesByItself() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let push = PushID(unchecked: "p")
                let count = 3 * PushLog.maximumEntries
                for index in 0..<count { cluster.store.note(strangeBytes(index), about: push) }
                let log = try #require(try await cluster.store.log(of: push))
                #expect(log.count == PushLog.maximumEntries)
                #expect(log.map(\.entry).first == strangeBytes(0))
                #expect(log.map(\.entry).last == strangeBytes(count - 1))
                #expect((1...PushLog.lifetime).contains(try await plain("TTL", "sb:pushes:p").integer ?? 0))
                _ = try await cluster.claim(.idempotency("k"), "v", seconds: 300)
                try await cluster.write(.command(CommandID(unchecked: "c")), "v", seconds: 600)
                #expect((1...300).contains(try await plain("TTL", "sb:idem:k").integer ?? 0))
                #expect((301...600).contains(try await plain("TTL", "sb:command:c").integer ?? 0))
                plain.close()
            }
        }
    }
}

extension StreamOffset {
    fileprivate static let max = StreamOffset(milliseconds: .max, sequence: .max)
}

import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

private let a = client("a")

extension RealRedis {
    /// Redis refuses, is away, or has lost something; and what it costs when all is well.
    struct MailboxTroubleTests {
        @Test func aFullRedisRefusesAndNothingIsHalfDone() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let plain = try await PlainRedis(server.url)
                _ = try await cluster.join("a")
                let kept = [
                    try await cluster.keep(durable("1", collapse: "k")), try await cluster.keep(durable("2")),
                    try await cluster.append(durable("3", to: .all)),
                ]
                #expect(await recorder.relevant(3).count == 3)
                try await plain("CONFIG", "SET", "maxmemory-policy", "noeviction")
                try await plain("CONFIG", "SET", "maxmemory", "1")
                func refused(_ call: () async throws -> Void) async {
                    do {
                        try await call()
                        Issue.record("not refused")
                    } catch {
                        #expect("\(error)".contains("OOM"), "\(error)")
                    }
                }
                let displacing = MailboxLimits(pushes: 1, bytes: 0, overflow: .displace)
                await refused { _ = try await cluster.enqueue(durable("4", collapse: "k")) }
                await refused { _ = try await cluster.enqueue(durable("5"), displacing) }
                await refused { _ = try await cluster.append(durable("6", to: .all), limit: 1) }
                await refused { _ = try await cluster.history(of: "group:g", after: nil) }
                await refused { _ = try await cluster.claim(.idempotency("k"), "v") }
                await refused { _ = try await cluster.write(.idempotency("k"), "v") }
                // What is there can be read, and what makes room is done.
                #expect(try await cluster.mail(of: a).pushes == Array(kept[..<2]))
                #expect(try await cluster.history(of: "all", after: nil).newest == kept[2].historyOffset)
                #expect(try await cluster.store.mailboxSize(of: a) == MailboxSize(pushes: 2, bytes: 2))
                #expect(try await cluster.acknowledge(a, upTo: kept[0].offset).map(\.id) == [kept[0].id])
                #expect(try await cluster.store.cancel(kept[1].id, for: a))
                #expect(try await cluster.store.mailboxSize(of: a) == MailboxSize(pushes: 0, bytes: 0))
                try await plain("CONFIG", "SET", "maxmemory", "0")
                let next = try await cluster.keep(durable("7", collapse: "k"))
                #expect(next.place?.previous == kept[1].offset)
                #expect(await recorder.relevant(4).last == .push(next))
                #expect(cluster.statistics.reconnects == 0)
                plain.close()
            }
        }

        @Test func whileRedisIsAwayEverythingFails() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                server.kill()
                #expect(try await eventually { !cluster.bus.isAvailable })
                await #expect(throws: BusError.self) { try await cluster.enqueue(durable("1")) }
                await #expect(throws: BusError.self) { try await cluster.mail(of: a) }
                await #expect(throws: BusError.self) { try await cluster.acknowledge(a, upTo: .zero) }
                await #expect(throws: BusError.self) { try await cluster.store.mailboxSize(of: a) }
                await #expect(throws: BusError.self) { try await cluster.store.cancel(PushID(unchecked: "1"), for: a) }
                await #expect(throws: BusError.self) { try await cluster.store.emptyMailbox(of: a) }
                await #expect(throws: BusError.self) { try await cluster.store.expireMail() }
                await #expect(throws: BusError.self) { try await cluster.append(durable("1", to: .all)) }
                await #expect(throws: BusError.self) { try await cluster.history(of: "all", after: nil) }
                await #expect(throws: BusError.self) { try await cluster.claim(.idempotency("k"), "v") }
                await #expect(throws: BusError.self) { try await cluster.store.log(of: PushID(unchecked: "1")) }
                await #expect(throws: BusError.self) { try await cluster.barrier() }
            }
        }

        @Test func mailboxesAndHistoriesSurviveAKilledRedis() async throws {
            try await withCluster(["--appendonly", "yes", "--appendfsync", "always"]) { fixture, server in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let kept = [try await cluster.keep(durable("1")), try await cluster.keep(durable("2", collapse: "k"))]
                let one = try await cluster.append(durable("3", to: .all))
                let two = try await cluster.append(durable("4", to: .all))
                try await cluster.acknowledge(a, upTo: kept[0].offset)
                server.kill()
                try await server.start()
                #expect(await recorder.recovered())
                #expect(try await cluster.mail(of: a).pushes == [kept[1]])
                #expect(try await cluster.history(of: "all", after: one.historyOffset).pushes == [two])
                let next = try await cluster.keep(durable("5", collapse: "k"))
                #expect(next.place?.previous == kept[1].offset)
                #expect(try await cluster.mail(of: a).pushes == [next])
            }
        }

        @Test func whatIsNoPushIsRefused() async throws {
            try await withCluster { fixture, _ in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                var transient = durable("1")
                transient.durable = nil
                await #expect(throws: BusError.self) { try await cluster.enqueue(transient) }
                await #expect(throws: BusError.self) { try await cluster.enqueue(durable("1", to: .all)) }
                await #expect(throws: BusError.self) { try await cluster.append(durable("1")) }
                transient.target = .all
                await #expect(throws: BusError.self) { try await cluster.append(transient) }
            }
        }

        @Test func entriesThatCannotBeUnderstoodAreLeftOut() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                try await cluster.keep(durable("1"))
                for message in ["{", #"{"type":"nodeUp","node":"x"}"#, #"{"to":{"all":true}}"#] {
                    try await plain(
                        "XADD", "sb:mailbox:{a}", "*", "id", "broken", "previous", "0-0", "expires", "9999999999999",
                        "bytes", "0", "waiter", "n1 x", "collapse", "", "message", message)
                }
                let last = try await cluster.keep(durable("2"))
                #expect(try await cluster.mail(of: a).pushes.map(\.id.rawValue) == ["1", "2"])
                #expect(cluster.statistics.droppedMessages == 3)
                #expect(try await cluster.acknowledge(a, upTo: last.offset).count == 5)
                plain.close()
            }
        }

        /// The commands are counted, and what they take is printed.
        @Test("A durable push costs two commands, its ack one", arguments: [60, 7 * 24 * 3600] as [Double])
        func commands(lifetime: Double) async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                _ = try await cluster.join("a")
                let payload = ByteBuffer(repeating: 0x78, count: 200)
                let limits = MailboxLimits(pushes: 100, bytes: 256 << 10, overflow: .refuse)
                try await plain("CONFIG", "RESETSTAT")
                let count = 5000
                var acks = 0
                for index in 0..<count {
                    let push = try await cluster.keep(durable("p\(index)", payload, lifetime: lifetime), limits)
                    acks += try await cluster.acknowledge(a, upTo: push.offset).count
                }
                let statistics = try await plain.commandStatistics()
                #expect(acks == count)
                let scripts = try #require(statistics["evalsha"])
                #expect(scripts.calls == 2 * count)
                // The link's own canaries and the registration beside them.
                #expect((count...count + 1).contains(statistics["zadd"]?.calls ?? 0))
                let total = statistics.filter { ["evalsha", "zadd"].contains($0.key) }
                    .reduce(0) { $0 + $1.value.microseconds }
                print("Redis: \(Double(total) / Double(count)) µs per durable push and ack, lifetime \(lifetime) s:")
                for (name, value) in statistics.sorted(by: { $0.value.microseconds > $1.value.microseconds }) {
                    print("  \(name): \(value.calls) calls, \(Double(value.microseconds) / Double(count)) µs per push")
                }
                plain.close()
            }
        }
    }
}

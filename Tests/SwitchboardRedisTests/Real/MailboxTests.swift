import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

private let a = client("a")
private let mailbox = "sb:mailbox:{a}"

extension RealRedis {
    /// Mailboxes beyond the contract: what Redis does to them, and what they do to Redis.
    struct MailboxTests {
        @Test func strangeAndLargePayloadsAreKeptByteForByte() async throws {
            try await withCluster { fixture, _ in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                _ = try await cluster.join("a")
                var kept: [BusPush] = []
                for (id, size) in [("large", 1 << 20), ("small", 600), ("empty", 0)] {
                    kept.append(try await cluster.keep(durable(id, strangeBytes(size), collapse: "\u{0}\n\(id)")))
                }
                #expect(await recorder.relevant(3) == kept.map { .push($0) })
                #expect(try await cluster.mail(of: a).pushes == kept)
                let size = try await cluster.store.mailboxSize(of: a)
                #expect(size == MailboxSize(pushes: 3, bytes: 1 << 20 + 600))
                #expect(try await cluster.acknowledge(a, upTo: kept[2].offset).map(\.id) == kept.map(\.id))
            }
        }

        @Test func sharedRoutingSendsToEveryNode() async throws {
            try await withCluster {
                $0.routing = .shared
            } _: { fixture, _ in
                let recorders = [Recorder(), Recorder()]
                let first = try await fixture.makeCluster(node("n1"), receiver: recorders[0])
                let second = try await fixture.makeCluster(node("n2"), receiver: recorders[1])
                let push = durable("1")
                guard
                    case .stored(let place, nodes: 2, collapsed: nil, displaced: [], _) = try await first.enqueue(push)
                else {
                    Issue.record("not sent to both")
                    return
                }
                for recorder in recorders { #expect(await recorder.relevant(1) == [.push(push.placed(place))]) }
                #expect(try await second.mail(of: a).pushes == [push.placed(place)])
            }
        }

        @Test func scriptsThatRedisForgotAreSentAgain() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                func forgetting<Value>(_ call: () async throws -> Value) async throws -> Value {
                    try await plain("SCRIPT", "FLUSH")
                    return try await call()
                }
                let short = try await forgetting { try await cluster.keep(durable("short", lifetime: 0.2)) }
                let one = try await forgetting { try await cluster.keep(durable("1")) }
                try await cluster.keep(durable("2"))
                try await expiry(of: short)
                _ = try await eventually { try await forgetting { try await cluster.store.expireMail() }.count == 1 }
                #expect(try await forgetting { try await cluster.mail(of: a) }.pushes.count == 2)
                #expect(try await forgetting { try await cluster.store.cancel(PushID(unchecked: "2"), for: a) })
                #expect(try await forgetting { try await cluster.acknowledge(a, upTo: one.offset) }.count == 1)
                let kept = try await forgetting { try await cluster.append(durable("3", to: .all)) }
                let page = try await forgetting { try await cluster.history(of: "all", after: nil) }
                #expect(page.newest == kept.historyOffset)
                #expect(try await forgetting { try await cluster.claim(.idempotency("k"), "v") } == nil)
                try await plain("SCRIPT", "FLUSH")
                cluster.store.note(ByteBuffer(string: "noted"), about: one.id)
                #expect(try await eventually { try await cluster.store.log(of: one.id)?.count == 1 })
                // Nothing was done twice.
                #expect(try await cluster.store.mailboxSize(of: a) == MailboxSize(pushes: 0, bytes: 0))
                plain.close()
            }
        }

        @Test func tenThousandEntries() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let count = 10_000
                let kept = try await cluster.fill(count)
                #expect(try await cluster.store.mailboxSize(of: a) == MailboxSize(pushes: count, bytes: count))

                var read: [BusPush] = []
                var page: MailPage
                repeat {
                    page = try await cluster.mail(of: a, after: read.last?.offset, limit: 300)
                    read += page.pushes
                } while page.hasMore && read.count < count
                #expect(read == kept)

                #expect(try await cluster.store.cancel(kept[9000].id, for: a))
                let acked = try await cluster.acknowledge(a, upTo: kept[4999].offset)
                #expect(acked.map(\.id) == kept[..<5000].map(\.id))
                let displacing = MailboxLimits(pushes: 10, bytes: 0, overflow: .displace)
                guard case .stored(_, _, _, let displaced, _) = try await cluster.enqueue(durable("last"), displacing)
                else {
                    Issue.record("not kept")
                    return
                }
                #expect(displaced == kept[5000..<9991].filter { $0.id != kept[9000].id }.map(\.id))
                let rest = kept[9991...].map(\.id) + [PushID(unchecked: "last")]
                #expect(try await cluster.store.emptyMailbox(of: a) == rest)
                #expect(try await cluster.store.mailboxSize(of: a) == MailboxSize(pushes: 0, bytes: 0))
            }
        }

        /// Where the order of expiry is not that of the entries every one must be looked at, also across several calls.
        @Test("Thousands expire, each told of once", arguments: [false, true])
        func thousandsExpire(isMixed: Bool) async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                if isMixed { try await cluster.keep(durable("stays", lifetime: 60)) }
                let short = try await cluster.fill(2500, lifetime: 1.5)
                try await cluster.keep(durable("stays-too", lifetime: 60))
                #expect(try await plain("HGET", mailbox + ":index", "mixed").text == (isMixed ? "1" : "0"))
                if let last = short.last { try await expiry(of: last) }
                var found: [PushID] = []
                _ = try await eventually {
                    found += try await cluster.store.expireMail().map(\.id)
                    return found.count >= short.count
                }
                #expect(found == short.map(\.id))
                #expect(try await cluster.mail(of: a).pushes.map(\.id.rawValue).last == "stays-too")
                // The mailbox is due again when the next one expires.
                let due = try await plain("ZSCORE", "sb:mailboxes", "a").integer ?? 0
                #expect(due > Int(WallClock.milliseconds()) + 50_000)
                #expect(try await plain("EXISTS", "{sb:mailboxes}:cleaning") == .integer(0))
                #expect(try await cluster.store.expireMail().isEmpty)
                plain.close()
            }
        }

        @Test func aPageOfWhichThousandsHaveExpiredIsNotEmpty() async throws {
            try await withCluster { fixture, _ in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let short = try await cluster.fill(2500, lifetime: 1.5)
                let last = try await cluster.keep(durable("stays"))
                if let push = short.last { try await expiry(of: push) }
                let page = try await cluster.mail(of: a)
                #expect(page.pushes == [last])
                #expect(page.expired.map(\.id) == short.map(\.id))
                #expect(!page.hasMore)
            }
        }

        @Test func manyMailboxesExpireInOneCall() async throws {
            try await withCluster { fixture, _ in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                var last = durable("p")
                for index in 0..<250 {
                    last = try await cluster.keep(durable("p", to: .client(client("c\(index)")), lifetime: 0.05))
                }
                try await expiry(of: last)
                let found = try await cluster.store.expireMail()
                #expect(Set(found.map(\.client)).count == 250)
                #expect(found.count == 250)
            }
        }

        @Test func whatANodeLeftHalfCleanedIsCleanedByAnother() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let short = try await cluster.keep(durable("1", lifetime: 0.1))
                try await expiry(of: short)
                // A node took it off the list and died.
                let time = WallClock.milliseconds()
                try await plain("ZREM", "sb:mailboxes", "a")
                try await plain("ZADD", "{sb:mailboxes}:cleaning", "\(time + 60_000)", "a")
                #expect(try await cluster.store.expireMail().isEmpty)
                try await plain("ZADD", "{sb:mailboxes}:cleaning", "\(time)", "a")
                #expect(try await cluster.store.expireMail() == [ExpiredPush(id: short.id, client: a)])
                #expect(try await eventually { try await plain("EXISTS", "{sb:mailboxes}:cleaning") == .integer(0) })
                #expect(try await plain("EXISTS", "sb:mailboxes") == .integer(0))
                plain.close()
            }
        }

        @Test func offsetsRiseWhenTheMailboxIsLostAndTheClockStepsBack() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                try await cluster.keep(durable("1"))
                // As if the clock of Redis had been ahead before.
                for last in ["9999999999999-41", "10000000000000-41"] {
                    try await plain("DEL", mailbox)
                    try await plain("HSET", mailbox + ":index", "last", last)
                    let place = try #require(try await cluster.keep(durable("2")).place)
                    #expect(place.previous.description == last)
                    #expect(place.offset == StreamOffset(milliseconds: place.previous.milliseconds, sequence: 42))
                    // The stream goes on by itself.
                    #expect(try await cluster.keep(durable("3")).offset?.sequence == 43)
                    #expect(try await cluster.mail(of: a).pushes.map(\.id.rawValue) == ["2", "3"])
                }
                plain.close()
            }
        }

        @Test func keysGoByThemselves() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let hour = 3600 * 1000
                func lifetimes() async throws -> [Int] {
                    [
                        try await plain("PTTL", mailbox).integer ?? 0,
                        try await plain("PTTL", mailbox + ":index").integer ?? 0,
                    ]
                }
                for (id, days, bounds) in [("day", 1, 30...36), ("week", 7, 174...180), ("short", 0, 174...180)] {
                    try await cluster.keep(durable(id, lifetime: Double(days) * 24 * 3600))
                    for lifetime in try await lifetimes() { #expect(bounds.contains((lifetime + hour - 1) / hour)) }
                }
                // When it is empty it is not kept for as long as its pushes were.
                _ = try await cluster.store.emptyMailbox(of: a)
                #expect(try await plain("XLEN", mailbox) == .integer(0))
                for lifetime in try await lifetimes() { #expect((1...12 * hour).contains(lifetime)) }
                try await cluster.keep(durable("again", lifetime: 7 * 24 * 3600))
                for lifetime in try await lifetimes() { #expect(lifetime > 170 * hour) }
                plain.close()
            }
        }

        @Test func nothingIsLeftBehind() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                let before = try await plain.allKeys()
                for index in 0..<50 {
                    let client = client("c\(index)")
                    let push = try await cluster.keep(
                        durable("p", to: .client(client), lifetime: 0.2, collapse: "k\(index % 3)"))
                    if index % 2 == 0 { try await cluster.acknowledge(client, upTo: push.offset) }
                    try await cluster.append(durable("p", to: .group(GroupName(unchecked: "g\(index)"))))
                    _ = try await cluster.history(of: "group:h\(index)", after: nil)
                    _ = try await cluster.claim(.idempotency("\(index)"), "v")
                    try await cluster.write(.command(CommandID(unchecked: "\(index)")), "v")
                    cluster.store.note(ByteBuffer(string: "x"), about: push.id)
                }
                var expired = 0
                #expect(
                    try await eventually {
                        expired += try await cluster.store.expireMail().count
                        return try await plain("EXISTS", "sb:mailboxes") == .integer(0)
                    })
                #expect(expired == 25)
                for key in try await plain.allKeys().subtracting(before) {
                    // One that has gone meanwhile is not left behind either.
                    let left = try await plain("PTTL", key).integer
                    #expect(left == -2 || (1...48 * 3_600_000).contains(left ?? 0), "\(key)")
                    if key.hasPrefix("sb:mailbox:"), key.hasSuffix("index") {
                        let fields = try await plain("HKEYS", key).elements?.compactMap(\.text) ?? []
                        #expect(!fields.contains { $0.hasPrefix("collapse:") })
                        #expect(try await plain("HGET", key, "bytes").text == "0")
                    }
                }
                plain.close()
            }
        }
    }
}

extension RedisBackplane {
    /// - Returns: That many pushes in the mailbox of `a`, with their places.
    fileprivate func fill(_ count: Int, lifetime: Double = 60) async throws -> [BusPush] {
        let first = durable("p", lifetime: lifetime)
        let pushes = (0..<count).map { index in
            var push = first
            push.id = PushID(unchecked: "p\(index)")
            return push
        }
        return try await withThrowingTaskGroup(of: (Int, BusPush).self) { tasks in
            for (index, push) in pushes.enumerated() { tasks.addTask { (index, try await self.keep(push)) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }.sorted { ($0.1.offset ?? .zero) < ($1.1.offset ?? .zero) }.map(\.1)
    }
}

/// Waits until the push's time is up.
func expiry(of push: BusPush) async throws {
    guard let expiresAt = push.durable?.expiresAt else { return }
    while case let now = WallClock.milliseconds(), now <= expiresAt {
        try await Task.sleep(for: .milliseconds(expiresAt - now + 1))
    }
}

import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

extension RealRedis {
    /// What only a store with leases and another process' memory has to care for.
    struct PresenceTests {
        /// Before any reaper comes, a reader sees by the lease that the node is dead.
        @Test func clientsOfADeadNodeAreNotOnlineEvenUnreaped() async throws {
            try await withCluster { fixture, server in
                let first = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let second = try await fixture.makeCluster(node("n2"), receiver: Recorder())
                _ = try await second.join("a")
                let plain = try await PlainRedis(server.url)
                let end = WallClock.milliseconds() - 5000
                try await plain("ZADD", "sb:nodes", "\(end)", "n2")
                var presence = try #require(try await first.store.client(client("a")))
                #expect(presence.state == .suspect)
                #expect(presence.closeReason == NodeLease.lostReason)
                #expect(presence.closeCode == 1006)
                #expect(presence.disconnectedAt == end)
                #expect(
                    try await first.store.clients(ClientFilter(state: .online), limit: 10, after: nil).clients.isEmpty)
                try await plain("ZADD", "sb:nodes", "\(WallClock.milliseconds() - 61_000)", "n2")
                presence = try #require(try await first.store.client(client("a")))
                #expect(presence.state == .offline)
                // Under reject it must not keep its client out either.
                let registration = try await first.register(first.session("a"), policy: .reject)
                #expect(registration == .registered(epoch: 2, hasMail: true))
                plain.close()
            }
        }

        @Test func reapingGoesOnWhereAReaperDied() async throws {
            try await withCluster { fixture, server in
                let first = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let second = try await fixture.makeCluster(node("n2"), receiver: Recorder())
                for index in 0..<1200 { _ = try await second.join("c\(index)") }
                try await fixture.lose(node("n2"))
                // As a reaper leaves it that was killed in the middle: some clients marked, the set and the lease still there.
                let plain = try await PlainRedis(server.url)
                try await plain(
                    "EVAL",
                    "for i = 0, 99 do redis.call('HSET', 'sb:client:{c' .. i .. '}', 'disconnectedAt', 1, 'lost', 1) end",
                    "0")
                let reaped = try await first.store.reap()
                #expect(reaped.map(\.node) == [node("n2")])
                #expect(reaped.map(\.clients) == [1100])
                #expect(try await plain("EXISTS", "sb:node:{n2}:clients", "sb:client:{c5}") == .integer(1))
                #expect(try await plain("ZSCORE", "sb:nodes", "n2") == .null)
                #expect(try await plain("HEXISTS", "{sb:nodes}:info", "n2") == .integer(0))
                plain.close()
            }
        }

        @Test func noNodeIsDeclaredDeadRightAfterAnOutage() async throws {
            try await withCluster {
                $0.reapGrace = .seconds(30)
            } _: { fixture, server in
                let first = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                try await plain("ZADD", "sb:nodes", "1", "n2")
                #expect(try await first.store.reap().isEmpty)
                #expect(try await plain("ZSCORE", "sb:nodes", "n2").text == "1")
                plain.close()
            }
        }

        /// Held up for longer than its lease and reaped, a node writes its presence again when it comes to.
        @Test func aNodeThatWasReapedAliveRecovers() async throws {
            try await withCluster { fixture, server in
                let recorder = Recorder()
                let first = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let held = try await fixture.makeCluster(node("n2"), receiver: recorder)
                let session = try await held.join("a")
                let plain = try await PlainRedis(server.url)
                try await plain("ZADD", "sb:nodes", "\(WallClock.milliseconds())", "n2")
                #expect(try await first.store.reap().map(\.clients) == [1])
                #expect(try await first.store.client(client("a"))?.state == .suspect)
                try await held.beat()
                #expect(await recorder.recovered())
                try await held.store.restore([session])
                #expect(try await first.store.client(client("a"))?.state == .online)
                #expect(
                    try await plain("SISMEMBER", "sb:node:{n2}:clients", "a \(session.record.session)") == .integer(1))
                plain.close()
            }
        }

        @Test func aLifeSignOfAClientThatWasReapedAliveIsNoticed() async throws {
            try await withCluster { fixture, _ in
                let recorder = Recorder()
                let cluster = try await fixture.makeCluster(node("n1"), receiver: recorder)
                let (session, epoch) = try await cluster.join("a")
                cluster.store.unregister(
                    Departure(
                        client: session.client, session: session.session, node: node("n1"), epoch: epoch,
                        closeCode: 1006,
                        reason: NodeLease.lostReason, isLost: true, at: WallClock.milliseconds()))
                cluster.store.touch([PresenceChange(client: session.client, epoch: epoch, roundTrip: 1)])
                #expect(await recorder.recovered())
            }
        }

        @Test func restoringEvictsWhoeverIsOlder() async throws {
            try await withCluster { fixture, server in
                let recorders = [Recorder(), Recorder()]
                let first = try await fixture.makeCluster(node("n1"), receiver: recorders[0])
                let second = try await fixture.makeCluster(node("n2"), receiver: recorders[1])
                let older = try await first.join("a")
                let newer = try await second.join("a")
                // The eviction of the registration itself.
                #expect(await recorders[0].relevant(1).count == 1)
                try await first.store.restore([older])
                let eviction = Eviction(
                    client: client("a"), session: older.record.session, epoch: newer.epoch, node: node("n2"),
                    address: newer.record.address)
                #expect(await recorders[0].relevant(2).last == .evict(eviction))
                #expect(try await first.store.client(client("a"))?.session == newer.record.session)

                // Redis has lost everything, and the older is the first to be written again.
                let plain = try await PlainRedis(server.url)
                try await plain("FLUSHALL")
                for cluster in [first, second] { try await cluster.beat() }
                try await first.store.restore([older])
                #expect(try await second.store.client(client("a"))?.session == older.record.session)
                try await second.store.restore([newer])
                let presence = try await first.store.client(client("a"))
                #expect(presence?.session == newer.record.session)
                #expect(presence?.epoch == newer.epoch)
                #expect(await recorders[0].relevant(3).count == 3)
                plain.close()
            }
        }

        @Test func recordsOfThoseOfflineExpireAndLeaveTheList() async throws {
            try await withCluster {
                $0.recordLifetime = .seconds(1000)
            } _: { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let (session, epoch) = try await cluster.join("a")
                _ = try await cluster.join("b")
                let plain = try await PlainRedis(server.url)
                #expect(try await plain("TTL", "sb:client:{a}") == .integer(-1))
                cluster.store.unregister(
                    Departure(
                        client: session.client, session: session.session, node: node("n1"), epoch: epoch,
                        closeCode: 1000,
                        reason: "", isLost: false, at: WallClock.milliseconds()))
                #expect(try await eventually { try await plain("SCARD", "sb:node:{n1}:clients") == .integer(1) })
                #expect((990...1000).contains(try await plain("TTL", "sb:client:{a}").integer ?? 0))
                try await plain("DEL", "sb:client:{a}")
                #expect(
                    try await cluster.store.clients(ClientFilter(), limit: 10, after: nil).clients.map(
                        \.client.rawValue) == ["b"])
                #expect(try await plain("ZRANGE", "sb:clients", "0", "-1").elements?.compactMap(\.text) == ["b"])
                _ = try await cluster.join("a")
                #expect(try await plain("TTL", "sb:client:{a}") == .integer(-1))
                // The list follows the record, which is what answers the client.
                #expect(try await eventually { try await plain("ZCARD", "sb:clients") == .integer(2) })
                plain.close()
            }
        }

        @Test func aLongListEndsEarlyAndGoesOn() async throws {
            try await withCluster { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let plain = try await PlainRedis(server.url)
                try await plain(
                    "EVAL",
                    """
                    for i = 10000, 30000 do
                      redis.call('HSET', 'sb:client:{c' .. i .. '}', 'epoch', 1, 'node', 'n1', 'disconnectedAt', 1)
                      redis.call('ZADD', 'sb:clients', 0, 'c' .. i)
                    end
                    """, "0")
                _ = try await cluster.join("z")
                var (pages, cursor): (Int, ClientID?) = (0, nil)
                var found: [ClientPresence] = []
                repeat {
                    let page = try await cluster.store.clients(ClientFilter(state: .online), limit: 10, after: cursor)
                    found += page.clients
                    cursor = page.next
                    pages += 1
                } while cursor != nil && pages < 10
                #expect(found.map(\.client.rawValue) == ["z"])
                #expect(pages == 3)
                plain.close()
            }
        }

        @Test func upstreamMessagesAreInTheStream() async throws {
            try await withCluster {
                $0.upstreamLimit = 100
            } _: { fixture, server in
                let cluster = try await fixture.makeCluster(node("n1"), receiver: Recorder())
                let payload = ByteBuffer(bytes: [0, 1, 13, 10, 255])
                let isNew = try await withCheckedThrowingContinuation { continuation in
                    cluster.store.accept(
                        UpstreamMessage(
                            client: client("a"), session: SessionID(unchecked: "s"), node: node("n1"), id: "m 1",
                            payload: Payload(format: .binary, bytes: payload), receivedAt: 1_700_000_000_000)
                    ) { continuation.resume(with: $0) }
                }
                #expect(isNew)
                let plain = try await PlainRedis(server.url)
                let entry = try await plain("XRANGE", "sb:upstream", "-", "+").elements?.first?.elements?.last?.elements
                #expect(
                    entry
                        == [
                            "client", "a", "session", "s", "node", "n1", "id", "m 1", "format", "binary", "data", nil,
                            "at",
                            "1700000000000",
                        ].map { $0.map { .bulk(ByteBuffer(string: $0)) } ?? .bulk(payload) })
                #expect((290...300).contains(try await plain("TTL", "{sb:upstream}:id:a/m 1").integer ?? 0))
                plain.close()
            }
        }

        /// Keys of one script on one slot, as Redis computes it: the check that Redis Cluster would make.
        @Test func keysOfOneScriptAreOnOneSlot() async throws {
            // By default a cluster's bus has a port so much higher that a free one may not fit.
            let busPort = try await RedisServer.freePort()
            try await RedisServer.with(["--cluster-enabled", "yes", "--cluster-port", "\(busPort)"]) { server in
                let plain = try await PlainRedis(server.url)
                let keys = RedisKeys(prefix: "sb")
                for names in [
                    [
                        keys.client.name("k"), keys.clientConnects.name("k"), keys.mailbox.name("k"),
                        keys.mailboxIndex.name("k"),
                    ],
                    [keys.nodes, keys.nodesInfo], [keys.mailboxes, keys.mailboxesInWork],
                    [keys.history.name("group:g"), keys.historyState.name("group:g")],
                    [keys.upstream, keys.upstreamID.name("a/b")],
                ] {
                    var slots: Set<RESPReply> = []
                    for name in names { slots.insert(try await plain("CLUSTER", "KEYSLOT", name)) }
                    #expect(slots.count == 1, "\(names)")
                }
                plain.close()
            }
        }
    }
}

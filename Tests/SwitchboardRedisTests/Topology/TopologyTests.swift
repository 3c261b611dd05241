import NIOCore
import Testing

@testable import SwitchboardRedis

private func text(_ text: String) -> RESPReply { .bulk(ByteBuffer(string: text)) }
private func at(_ port: Int, _ host: String = "10.0.0.1") -> RedisEndpoint { RedisEndpoint(host: host, port: port) }

struct SlotMapTests {
    private func server(_ host: RESPReply, _ port: Int) -> RESPReply {
        .array([host, .integer(port), text("0123456789abcdef"), .array([])])
    }

    private func range(_ first: Int, _ last: Int, _ servers: [RESPReply]) -> RESPReply {
        .array([.integer(first), .integer(last)] + servers)
    }

    private var reply: RESPReply {
        .array([
            range(0, 99, [server(text("10.0.0.1"), 1), server(text("10.0.0.1"), 4)]),
            range(200, 16_383, [server(text("10.0.0.1"), 2)]),
            range(100, 199, [server(text("10.0.0.1"), 1), server(text("10.0.0.1"), 5)]),
        ])
    }

    @Test func knowsTheMasterOfEverySlot() throws {
        let map = try #require(SlotMap(reply, from: "seed"))
        #expect(map.isComplete)
        #expect(map.masters == [at(1), at(2)])
        #expect(map.replicas == [at(4), at(5)])
        #expect([0, 99, 100, 199].allSatisfy { map.master(of: $0) == at(1) })
        #expect([200, 16_383].allSatisfy { map.master(of: $0) == at(2) })
    }

    @Test("A server without a name of its own is where the answer came from", arguments: ["", "?", nil])
    func unnamed(name: String?) throws {
        let host = name.map(text) ?? .null
        let map = try #require(SlotMap(.array([range(0, 5, [server(host, 7)])]), from: "seed"))
        #expect(map.master(of: 3) == at(7, "seed"))
        #expect(map.master(of: 6) == nil)
        #expect(!map.isComplete)
    }

    @Test func followsRedirections() throws {
        var map = try #require(SlotMap(reply, from: "seed"))
        let isKnown = map.move(50, to: at(2))
        #expect(isKnown)
        #expect(map.master(of: 50) == at(2))
        #expect(map.master(of: 51) == at(1))
        let isStrange = !map.move(50, to: at(9))
        #expect(isStrange, "not one of the masters")
        #expect(map.master(of: 50) == at(2))
    }

    @Test func refusesWhatIsNone() {
        let wrong: [RESPReply] = [
            .null, text("x"), .array([.integer(1)]), .array([range(0, 16_384, [server(text("h"), 1)])]),
            .array([range(9, 5, [server(text("h"), 1)])]), .array([range(-1, 5, [server(text("h"), 1)])]),
            .array([range(0, 5, [])]), .array([range(0, 5, [server(text("h"), 0)])]),
        ]
        for reply in wrong { #expect(SlotMap(reply, from: "seed") == nil) }
    }
}

struct RedirectionTests {
    @Test(
        "Errors that say where to go",
        arguments: [
            ("MOVED 3999 10.0.0.1:6381", Redirection.moved(slot: 3999, to: at(6381))),
            ("MOVED 3999 :6381", .moved(slot: 3999, to: at(6381, "seed"))),
            ("MOVED 1 2001:db8::1:6381", .moved(slot: 1, to: at(6381, "2001:db8::1"))),
            ("MOVED 1 redis-0.example:6381", .moved(slot: 1, to: at(6381, "redis-0.example"))),
            ("ASK 3999 10.0.0.1:6381", .ask(at(6381))),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain),
        ])
    func reads(text: String, redirection: Redirection) { #expect(Redirection(text, from: "seed") == redirection) }

    @Test(
        "Others",
        arguments: [
            "ERR x", "MOVED", "MOVED x 10.0.0.1:1", "MOVED 16384 h:1", "MOVED 1 h:x", "ASK 1", "CLUSTERDOWN x", "",
        ])
    func passesOver(text: String) { #expect(Redirection(text, from: "seed") == nil) }

    @Test func aClusterThatIsDownEndsTheConnection() {
        #expect(RedisTrouble(fatalReply: "CLUSTERDOWN The cluster is down")?.kind == "clusterDown")
        #expect(RedisTrouble(fatalReply: "MOVED 1 h:1") == nil)
    }
}

struct SentinelRepliesTests {
    @Test func readsTheMaster() {
        #expect(SentinelReplies.master(.array([text("10.0.0.1"), text("6379")])) == at(6379))
        for wrong: RESPReply in [.null, .array([]), .array([text(""), text("1")]), .array([text("h"), text("x")])] {
            #expect(SentinelReplies.master(wrong) == nil)
        }
    }

    @Test func readsTheOthers() {
        let one: RESPReply = .array([
            text("name"), text("abc"), text("port"), text("26380"), text("ip"), text("10.0.0.1"),
        ])
        let broken: RESPReply = .array([text("ip"), text("10.0.0.1"), text("port")])
        #expect(SentinelReplies.others(.array([one, broken, .null])) == [at(26_380)])
        #expect(SentinelReplies.others(.null) == [])
    }

    @Test func readsWhoBecameMaster() {
        #expect(SentinelReplies.newMaster("main 10.0.0.9 1 10.0.0.1 2", of: "main") == at(2))
        #expect(SentinelReplies.newMaster("other 10.0.0.9 1 10.0.0.1 2", of: "main") == nil)
        #expect(SentinelReplies.newMaster("main 10.0.0.9 1", of: "main") == nil)
    }
}

struct SourceListTests {
    @Test func asksEachInTurnAndStaysWithOneThatAnswers() {
        var list = SourceList([at(1), at(2)])
        #expect(list.current == at(1))
        list.currentFailed()
        #expect(list.current == at(2))
        #expect(list.current == at(2))
        list.currentFailed()
        #expect(list.current == at(1))
    }

    @Test func learnsOthersAndForgetsThem() {
        var list = SourceList([at(1), at(2)])
        list.currentFailed()
        list.learn([at(2), at(3), at(3), at(4)])
        #expect(list.all == [at(1), at(2), at(3), at(4)])
        #expect(list.current == at(2))
        list.currentFailed()
        #expect(list.current == at(3))
        list.learn([at(5)])
        #expect(list.all == [at(1), at(2), at(5)])
        #expect(list.current == at(1))
        list.learn((10..<1000).map { at($0) })
        #expect(list.all.count < 100)
    }
}

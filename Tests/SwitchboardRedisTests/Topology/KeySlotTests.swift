import NIOCore
import SwitchboardCore
import Testing

@testable import SwitchboardRedis

struct KeySlotTests {
    @Test func isTheChecksumOfTheSpecification() {
        #expect(KeySlot.checksum("123456789".utf8) == 0x31C3)
        #expect(KeySlot.of("foo") == 12_182)
        #expect(KeySlot.of("somekey") == 11_058)
    }

    @Test("A hash tag counts alone, unless it is empty or not closed")
    func tags() {
        #expect(KeySlot.of("{foo}.a") == KeySlot.of("foo"))
        #expect(KeySlot.of("b{foo}{bar}") == KeySlot.of("foo"))
        #expect(KeySlot.of("a{{b}c") == KeySlot.of("{b"))
        #expect(KeySlot.of("foo{}{bar}") == Int(KeySlot.checksum("foo{}{bar}".utf8)) % KeySlot.count)
        #expect(KeySlot.of("foo{bar") == Int(KeySlot.checksum("foo{bar".utf8)) % KeySlot.count)
        #expect(KeySlot.of("") == 0)
    }

    @Test("The keys of one script are on one slot")
    func scripts() {
        let keys = RedisKeys(prefix: "sb", isCluster: true)
        for id in ["kiosk-7", "a:b", "x{y", "x}y"] {
            let client = KeySlot.of(keys.client.name(id))
            #expect(KeySlot.of(keys.clientConnects.name(id)) == client)
            #expect(KeySlot.of(keys.mailbox.name(id)) == client)
            #expect(KeySlot.of(keys.mailboxIndex.name(id)) == client)
        }
        for channel in ["all", "group:shop:berlin"] {
            // The same script publishes there.
            #expect(KeySlot.of(keys.history.name(channel)) == KeySlot.of(keys.push))
            #expect(KeySlot.of(keys.historyState.name(channel)) == KeySlot.of(keys.push))
        }
        #expect(KeySlot.of(keys.mailboxesInWork) == KeySlot.of(keys.mailboxes))
        #expect(KeySlot.of(keys.nodesInfo) == KeySlot.of(keys.nodes))
        #expect(KeySlot.of(keys.upstreamID.name("a/1")) == KeySlot.of(keys.upstream))
        #expect(KeySlot.of(keys.nodeClients.name("n1")) == KeySlot.of(keys.nodeChannel.name("n1")))
    }

    @Test("Whatever ids are, no two keys are the same", arguments: [false, true])
    func names(isCluster: Bool) {
        let keys = RedisKeys(prefix: "sb", isCluster: isCluster)
        let ids = [
            "a", "a:state", "a:index", "a:connects", "a:clients", "state", "history", "state:a", "history-state:a",
            "push",
            "nodes", "id:a", "a:state:state",
        ]
        let patterns = [
            keys.nodeClients, keys.client, keys.clientConnects, keys.mailbox, keys.mailboxIndex, keys.idempotency,
            keys.command, keys.pushLog,
        ]
        var all = [keys.mailboxes, keys.mailboxesInWork, keys.clients, keys.nodes, keys.nodesInfo, keys.upstream]
        let hooks = keys.webhooks
        all +=
            [hooks.queue, hooks.dead, hooks.state, hooks.tries, hooks.leases, hooks.live, hooks.losses] + hooks.lanes
        for id in ids {
            all += patterns.map { $0.name(id) }
            all += [keys.history, keys.historyState].flatMap { [$0.name("group:" + id)] }
            all += ids.flatMap { [keys.upstreamID.name("\(id)/\($0)"), hooks.messageID.name("\(id)/\($0)")] }
        }
        all += [keys.history.name("all"), keys.historyState.name("all")]
        let repeated = Dictionary(grouping: all) { $0 }.filter { $0.value.count > 1 }.keys
        #expect(repeated.isEmpty, "\(repeated)")
        #expect(all.count > 400)
    }

    @Test("Of what Redis refuses callers learn the kind")
    func refusals() {
        let text = "WRONGTYPE Operation against a key script: f_3b1c, on @user_script:13."
        #expect(BusError(reply: text) == .unavailable("Redis refused a command: WRONGTYPE"))
        #expect(BusError(reply: "no kind f_3b1c") == .unavailable("Redis refused a command"))
    }

    @Test("Scripts publish where they can, and else say what is to be published")
    func sources() {
        let announcing = Set(RedisScript.allCases.filter(\.announces))
        #expect(announcing.isSuperset(of: [.route, .register, .restore, .enqueue]))
        #expect(!announcing.contains(.append) && !announcing.contains(.mail))
        for script in RedisScript.allCases {
            let text = String(decoding: script.clusterSource, as: UTF8.self)
            #expect(!text.contains("'PUBLISH'"))
            #expect(text.contains("'SPUBLISH'") == (script == .append))
            #expect(text.contains("local announced") == script.announces)
        }
    }
}

struct CommandKeyTests {
    private func slot(_ write: (inout CommandBuffer) -> Void) -> Int? {
        var buffer = CommandBuffer()
        write(&buffer)
        return CommandKey.slot(of: buffer.take())
    }

    private func slot(_ words: String...) -> Int? {
        slot { buffer in
            buffer.command(arguments: words.count)
            for word in words { buffer.argument(word) }
        }
    }

    @Test func isTheFirstArgumentOfMost() {
        #expect(slot("ZADD", "sb:clients", "0", "a") == KeySlot.of("sb:clients"))
        #expect(slot("SPUBLISH", "sb:node:{n1}", "x") == KeySlot.of("n1"))
        #expect(slot("GET", "") == 0)
    }

    @Test func isTheFirstKeyOfAScript() {
        #expect(slot("EVALSHA", "digest", "2", "sb:client:{a}", "sb:mailbox:{a}", "x") == KeySlot.of("a"))
        #expect(slot("EVAL", "return 1", "0", "x") == nil)
        let source = ByteBuffer(repeating: 0x2D, count: 20_000)
        let long = slot { buffer in
            buffer.command(arguments: 5)
            buffer.argument("EVAL" as StaticString)
            buffer.argument(source)
            buffer.argument(1)
            buffer.argument("sb:push")
            buffer.argument(source)
        }
        #expect(long == KeySlot.of("sb:push"))
    }

    @Test func isBehindTheWordsOfSome() {
        #expect(slot("XGROUP", "CREATE", "s", "g", "$") == KeySlot.of("s"))
        #expect(slot("XREADGROUP", "GROUP", "g", "c", "COUNT", "5", "STREAMS", "s", ">") == KeySlot.of("s"))
    }

    @Test func someHaveNone() {
        #expect(slot("TIME") == nil)
        #expect(slot("PING") == nil)
        #expect(CommandKey.slot(of: []) == nil)
        #expect(CommandKey.slot(of: [ByteBuffer(string: "no command\r\n")]) == nil)
    }

    @Test func commandsGoOnAsTheyWere() {
        var first = CommandBuffer()
        first.command(arguments: 3)
        first.argument("SPUBLISH" as StaticString)
        first.argument("c")
        first.argument(ByteBuffer(repeating: 0x78, count: 10_000))
        let pieces = first.take()
        var second = CommandBuffer()
        second.command(arguments: 1)
        second.argument("ASKING" as StaticString)
        let before = second.count
        second.commands(pieces)
        #expect(second.count - before == pieces.reduce(0) { $0 + $1.readableBytes })
        let whole = pieces.reduce(into: "*1\r\n$6\r\nASKING\r\n") { $0 += String(buffer: $1) }
        #expect(String(buffer: second.joined()) == whole)
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

private let key = LedgerKey.idempotency("order 7\n\"\u{E9}\" {x}:*")

extension BusContract {
    static let ledger: [ContractClause] = [
        ContractClause("the first claim of a key is written, the next ones see it") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            #expect(try await first.read(key) == nil)
            #expect(try await first.claim(key, "one") == nil)
            #expect(try await second.claim(key, "two") == "one")
            #expect(try await first.claim(key, "three") == "one")
            #expect(try await second.read(key) == "one")
        },
        ContractClause("of claims at the same time one wins and the others see its value") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            let answers = try await withThrowingTaskGroup(of: (String, String?).self) { tasks in
                for index in 0..<30 {
                    tasks.addTask { ("\(index)", try await nodes[index % 3].claim(key, "\(index)")) }
                }
                return try await tasks.reduce(into: [String: String?]()) { $0[$1.0] = .some($1.1) }
            }
            let winners = answers.filter { $0.value == nil }.keys
            #expect(winners.count == 1)
            #expect(answers.values.compactMap { $0 }.allSatisfy { $0 == winners.first })
        },
        ContractClause("a value is written over, read anywhere, and removed") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            try await first.write(key, "")
            #expect(try await second.read(key) == "")
            #expect(try await second.claim(key, "x") == "")
            try await second.write(key, "one\n\u{0}two")
            #expect(try await first.read(key) == "one\n\u{0}two")
            first.store.remove(key)
            // Commands of one node are done in their order.
            #expect(try await first.read(key) == nil)
            #expect(try await second.claim(key, "new") == nil)
            first.store.remove(.idempotency("nothing"))
        },
        ContractClause("keys of different kinds and texts are apart") { cluster in
            let node = try await cluster.node("n1")
            let keys: [LedgerKey] = [
                .idempotency("k"), .command(CommandID(unchecked: "k")), .idempotency("K"), .idempotency("k "),
                .idempotency("command:k"), .idempotency(""),
            ]
            for (index, key) in keys.enumerated() { #expect(try await node.claim(key, "\(index)") == nil) }
            for (index, key) in keys.enumerated() { #expect(try await node.read(key) == "\(index)") }
        },
        ContractClause("a value is gone when its time is up, and a new one may come") { cluster in
            let node = try await cluster.node("n1")
            #expect(try await node.claim(key, "short", seconds: 1) == nil)
            try await node.write(.idempotency("long"), "long", seconds: 60)
            let gone = try await eventually {
                try await node.read(key)
            } until: {
                $0 == nil
            }
            #expect(gone == nil)
            #expect(try await node.claim(key, "again") == nil)
            #expect(try await node.read(key) == "again")
            #expect(try await node.read(.idempotency("long")) == "long")
        },
        ContractClause("a new value has a time of its own") { cluster in
            let node = try await cluster.node("n1")
            try await node.write(key, "short", seconds: 1)
            try await node.write(.idempotency("other"), "short", seconds: 1)
            try await node.write(key, "long", seconds: 60)
            _ = try await eventually {
                try await node.read(.idempotency("other"))
            } until: {
                $0 == nil
            }
            #expect(try await node.read(key) == "long")
        },
    ]

    static let pushLogs: [ContractClause] = [
        ContractClause("what is noted about a push is read in order, with its time") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let begin = WallClock.milliseconds()
            let push = PushID(unchecked: "p:1")
            for text in ["one", "{\"two\":\n2}", ""] { first.store.note(ByteBuffer(string: text), about: push) }
            first.store.note(ByteBuffer(string: "other"), about: PushID(unchecked: "p"))
            let log = try #require(try await first.store.log(of: push))
            #expect(log.map { String(buffer: $0.entry) } == ["one", "{\"two\":\n2}", ""])
            #expect(log.map(\.at).sorted() == log.map(\.at))
            // Another machine's clock may say a little else.
            #expect(log.allSatisfy { $0.at + 1000 >= begin && $0.at <= WallClock.milliseconds() + 1000 })
            #expect(try await second.store.log(of: push)?.count == 3)
            second.store.note(ByteBuffer(string: "four"), about: push)
            #expect(try await second.store.log(of: push)?.map { String(buffer: $0.entry) }.last == "four")
        },
        ContractClause("a push of which nothing was noted has no log") { cluster in
            let node = try await cluster.node("n1")
            #expect(try await node.store.log(of: PushID(unchecked: "p")) == nil)
        },
        ContractClause("a long log keeps its first entry and the newest ones") { cluster in
            let node = try await cluster.node("n1")
            let push = PushID(unchecked: "p")
            let count = PushLog.maximumEntries + 30
            for index in 0..<count { node.store.note(ByteBuffer(string: "\(index)"), about: push) }
            let log = try #require(try await node.store.log(of: push)).map { String(buffer: $0.entry) }
            #expect(log == ["0"] + (count - PushLog.maximumEntries + 1..<count).map { "\($0)" })
        },
    ]
}

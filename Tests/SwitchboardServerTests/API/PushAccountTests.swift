import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct PushAccountTests {
    /// The journal of a push, written as the nodes write it.
    private final class Log {
        private let cluster = InProcessCluster(clock: { 1000 })
        private let push = PushID(unchecked: "p")
        private let journal: PushJournal
        private let store: InProcessStore

        init() {
            store = cluster.makeNode(NodeID(unchecked: "n1")).store
            journal = PushJournal(store: store, node: NodeID(unchecked: "n1"))
        }

        func answered(_ target: Target, _ change: (inout PushCounts) -> Void) {
            var counts = PushCounts()
            change(&counts)
            journal.noting(target) { _, _ in }(push, .success(PushReport(counts: counts, isFinal: true)))
        }

        func note(_ event: PushJournal.Event, client name: String? = nil, clients: Int? = nil) {
            journal.note(event, about: push, client: name.map { client($0) }, clients: clients)
        }

        func noteAnything(_ text: String) { store.note(ByteBuffer(string: text), about: push) }

        func account() async throws -> PushAccount { PushAccount(try await store.log(of: push) ?? []) }
    }

    private let log = Log()
    private let one = Target.client(client("a"))

    @Test func whatHasNoAnswerYetIsPending() async throws {
        let account = try await log.account()
        #expect(account.state == "pending")
        #expect(!account.isAnswered && account.target == nil && account.timeline.isEmpty)
    }

    @Test func theAnswerIsTold() async throws {
        log.answered(one) { ($0.matched, $0.delivered, $0.nodes) = (1, 1, 1) }
        let account = try await log.account()
        #expect(account.state == "delivered")
        #expect(account.isAnswered)
        #expect(account.target == ByteBuffer(string: #"{"client":"a"}"#))
        #expect(account.timeline.map(\.event) == ["delivered"])
        #expect(account.timeline.first?.at == 1000)
        #expect(account.timeline.first?.node == "n1")
    }

    // MARK: Acks

    @Test func acksOfManyClientsAreAddedUp() async throws {
        log.answered(.group(group("g"))) { ($0.matched, $0.delivered, $0.nodes) = (5, 5, 2) }
        log.note(.acked, clients: 2)
        log.note(.acked, clients: 1)
        var account = try await log.account()
        #expect(account.counts.acked == 3)
        #expect(account.state == "delivered")
        log.note(.acked, clients: 2)
        account = try await log.account()
        #expect(account.counts.acked == 5)
        #expect(account.counts.delivered == 5)
        #expect(account.state == "acked")
        #expect(account.timeline.map(\.event) == ["delivered", "acked", "acked", "acked"])
        #expect(account.timeline.map(\.count) == [5, 2, 1, 2])
    }

    @Test func anAckBeforeTheAnswerThatWaitedForItCountsOnce() async throws {
        log.note(.acked, client: "a", clients: 1)
        log.answered(one) { ($0.matched, $0.delivered, $0.acked, $0.nodes) = (1, 1, 1, 1) }
        let account = try await log.account()
        #expect(account.counts.acked == 1)
        #expect(account.state == "acked")
    }

    @Test func whoAcksLaterHasGotItFromItsMailbox() async throws {
        log.answered(one) { ($0.queued, $0.offline) = (1, 1) }
        #expect(try await log.account().state == "queued")
        log.note(.acked, client: "a", clients: 1)
        let account = try await log.account()
        #expect(account.state == "acked")
        let counts = account.counts
        #expect([counts.matched, counts.delivered, counts.acked, counts.nodes] == [1, 1, 1, 1])
        #expect([counts.queued, counts.offline] == [0, 0])
        #expect(account.timeline.map(\.event) == ["queued", "acked"])
    }

    // MARK: Ends

    @Test(arguments: [
        (PushJournal.Event.expired, PushAccount.End.expired), (.cancelled, .cancelled), (.displaced, .displaced),
        (.collapsed, .collapsed),
    ])
    func aPushThatNobodyTookIsQueuedNoMore(event: PushJournal.Event, end: PushAccount.End) async throws {
        log.answered(one) { ($0.queued, $0.offline) = (1, 1) }
        log.note(event, client: "a")
        let account = try await log.account()
        #expect(account.state == end.rawValue)
        #expect(account.counts.queued == 0)
        #expect(account.counts.offline == 1)
        #expect(account.ends == [end: 1])
        #expect(account.timeline.last?.event == end.rawValue)
        #expect(account.timeline.last?.client == "a")
    }

    @Test func whatIsStillToComeSaysMoreThanALoss() async throws {
        let both = Target.clients([client("a"), client("b")])
        log.answered(both) { ($0.queued, $0.offline) = (2, 2) }
        log.note(.expired, client: "a")
        var account = try await log.account()
        #expect(account.state == "queued")
        #expect(account.counts.queued == 1)
        log.note(.acked, client: "b", clients: 1)
        account = try await log.account()
        #expect(account.state == "expired")
        let counts = account.counts
        #expect([counts.queued, counts.delivered, counts.acked, counts.offline] == [0, 1, 1, 1])
        #expect(account.target == ByteBuffer(string: #"{"clients":["a","b"]}"#))
    }

    @Test func whatWasSentUnderOneIDToSeveralIsToldTogether() async throws {
        log.answered(one) { ($0.matched, $0.delivered, $0.nodes) = (1, 1, 1) }
        log.answered(.client(client("b"))) { ($0.queued, $0.offline) = (1, 1) }
        log.note(.acked, client: "b", clients: 1)
        let account = try await log.account()
        let counts = account.counts
        #expect([counts.matched, counts.delivered, counts.acked, counts.queued, counts.nodes] == [2, 2, 1, 0, 1])
        #expect(account.target == ByteBuffer(string: #"{"clients":["a","b"]}"#))
        #expect(account.state == "delivered")
    }

    @Test(arguments: [(1, "dropped"), (0, "offline")])
    func whatReachedNobody(dropped: Int, state: String) async throws {
        log.answered(.all) { $0.dropped = dropped }
        #expect(try await log.account().state == state)
    }

    /// Whoever may write to Redis may write a journal.
    @Test(arguments: ["9223372036854775807", "-9223372036854775808"])
    func absurdCountsDoNoHarm(number: String) async throws {
        let counts = ["matched", "delivered", "acked", "queued", "offline", "dropped", "nodes"]
            .map { name in
                // The one minus the other is a number that none can hold.
                #""\#(name)":\#(name == "offline" && number.hasPrefix("-") ? "9223372036854775807" : number)"#
            }
            .joined(separator: ",")
        for client in ["a", "b"] {
            log.noteAnything(#"{"event":"answered","node":"n","target":{"client":"\#(client)"},"counts":{\#(counts)}}"#)
            for event in ["acked", "acked", "expired", "expired"] {
                log.noteAnything(#"{"event":"\#(event)","client":"\#(client)","clients":\#(number)}"#)
            }
        }
        let account = try await log.account()
        let isNegative = number.hasPrefix("-")
        #expect(account.counts.dropped == (isNegative ? 0 : 2_000_000_000))
        #expect(account.ends == [.expired: isNegative ? 0 : 4_000_000_000])
        #expect(account.timeline.allSatisfy { (0...1_000_000_000).contains($0.count) })
    }

    @Test func whatIsNoEntryIsPassedOver() async throws {
        log.noteAnything("no JSON")
        log.noteAnything(#"{"event":"unheard of","node":"n2"}"#)
        log.noteAnything(#"{"node":"n2"}"#)
        let account = try await log.account()
        #expect(account.timeline.isEmpty)
        #expect(account.state == "pending")
    }
}

import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

@Suite struct PushTallyTests {
    private static func report(_ change: (inout PushCounts) -> Void, isFinal: Bool = true) -> PushReport {
        var counts = PushCounts()
        change(&counts)
        return PushReport(counts: counts, isFinal: isFinal)
    }

    @Test func theBestThatCameOfAPushNamesIt() {
        let cases: [(PushReport, PushTally.Outcome)] = [
            (Self.report { ($0.delivered, $0.dropped, $0.queued) = (1, 5, 5) }, .delivered),
            (Self.report({ $0.delivered = 1 }, isFinal: false), .delivered),
            (Self.report { ($0.queued, $0.offline) = (1, 1) }, .queued),
            (Self.report { ($0.matched, $0.dropped) = (2, 2) }, .dropped),
            (Self.report { $0.offline = 1 }, .offline),
            (Self.report { _ in }, .offline),
            (Self.report({ _ in }, isFinal: false), .unanswered),
        ]
        for (report, outcome) in cases { #expect(PushTally.Outcome(report) == outcome, "\(report)") }
        #expect(PushTally.Outcome(.bus(.overloaded)) == .failed)
        #expect(PushTally.Outcome(.mailboxFull(MailboxSize(pushes: 1, bytes: 1))) == .refused)
    }

    @Test func everyPairHasItsOwnPlace() {
        var tally = PushTally()
        var expected: [Int] = []
        for kind in PushTally.Kind.allCases {
            for outcome in PushTally.Outcome.allCases {
                let times = expected.count + 1
                for _ in 0..<times { tally.count(kind, outcome) }
                expected.append(times)
            }
        }
        let told = tally.samples.map { if case .number(let number) = $0.value { Int(number) } else { -1 } }
        #expect(told == expected)
        #expect(Set(tally.samples.map(\.labels)).count == expected.count)
    }

    @Test func pushesAreCountedWhenTheyAreAnswered() async {
        let test = TestNode()
        for target in [Target.client(client("nobody")), .all] {
            test.node.delivery.push(PushOrder(target: target, payload: text("x"))) { _, _ in }
            test.loop.run()
        }
        #expect(test.node.delivery.tally[.client, .offline] == 1)
        #expect(test.node.delivery.tally[.all, .offline] == 1)
        #expect(test.node.delivery.tally[.all, .delivered] == 0)
    }
}

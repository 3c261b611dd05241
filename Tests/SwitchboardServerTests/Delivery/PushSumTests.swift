import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct PushSumTests {
    private let answers = Box<Result<PushReport, PushFailure>>()

    private func sum(_ count: Int) -> PushSum { PushSum(count: count) { [answers] in answers.add($0) } }

    private func report(_ nodes: [String] = [], isFinal: Bool = true, _ change: (inout PushCounts) -> Void = { _ in })
        -> Result<PushReport, PushFailure>
    {
        var counts = PushCounts()
        change(&counts)
        return .success(PushReport(counts: counts, isFinal: isFinal, holders: nodes.map { NodeID(unchecked: $0) }))
    }

    @Test func theAnswerComesOnceWithTheLastPart() throws {
        let sum = sum(3)
        sum.add(report { $0.delivered = 1 })
        sum.add(report { $0.delivered = 1 })
        #expect(answers.list.isEmpty)
        sum.add(report { $0.delivered = 1 })
        #expect(answers.list.count == 1)
        #expect(try answers.list[0].get().counts.delivered == 3)
    }

    @Test func everyCountIsAddedUp() throws {
        var one = PushCounts()
        (one.matched, one.delivered, one.acked, one.queued) = (1, 2, 3, 4)
        (one.offline, one.dropped, one.nodes) = (5, 6, 7)
        var two = one
        two.add(one)
        #expect([two.matched, two.delivered, two.acked, two.queued] == [2, 4, 6, 8])
        #expect([two.offline, two.dropped] == [10, 12])
        #expect(two.nodes == 7)
    }

    @Test func absurdCountsDoNoHarm() throws {
        let sum = sum(2)
        for _ in 0..<2 {
            sum.add(
                report {
                    ($0.matched, $0.delivered, $0.acked) = (.max, .max, .max)
                    ($0.queued, $0.offline, $0.dropped) = (.max, .max, .max)
                })
        }
        let counts = try #require(try answers.list.first?.get().counts)
        #expect([counts.matched, counts.delivered, counts.acked] == [.max, .max, .max])
        #expect([counts.queued, counts.offline, counts.dropped] == [.max, .max, .max])
        let full = self.sum(2)
        full.add(report { ($0.matched, $0.dropped) = (.max, .max) })
        full.add(.failure(.mailboxFull(MailboxSize(pushes: 1, bytes: 1))))
        #expect(try answers.list.last?.get().counts.dropped == .max)
    }

    @Test func aNodeThatHoldsSeveralCountsOnce() throws {
        let sum = sum(3)
        sum.add(report(["n1"]) { $0.nodes = 1 })
        sum.add(report(["n2"]) { $0.nodes = 1 })
        sum.add(report(["n1"]) { $0.nodes = 1 })
        #expect(try answers.list.first?.get().counts.nodes == 2)
    }

    @Test func onePartThatIsNotFinalMakesTheWholeNotFinal() throws {
        let sum = sum(2)
        sum.add(report(isFinal: false))
        sum.add(report())
        #expect(try answers.list.first?.get().isFinal == false)
    }

    @Test func aFullMailboxIsOneDroppedClientAndNoFailure() throws {
        let sum = sum(2)
        sum.add(.failure(.mailboxFull(MailboxSize(pushes: 1, bytes: 1))))
        sum.add(report { $0.matched = 1 })
        let counts = try answers.list.first?.get().counts
        #expect(counts?.matched == 2)
        #expect(counts?.dropped == 1)
    }

    @Test func aBusThatFailsForOneFailsTheWhole() {
        let sum = sum(2)
        sum.add(.failure(.bus(.overloaded)))
        #expect(answers.list.isEmpty)
        sum.add(report())
        #expect(answers.list == [.failure(.bus(.overloaded))])
    }
}

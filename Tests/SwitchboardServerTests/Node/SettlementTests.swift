import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite("Finding together again")
struct SettlementTests {
    @Test("From the loss of the bus on, not from its return, nothing is settled or restored")
    func loss() {
        let settlement = Settlement()
        #expect(settlement.isSettled && !settlement.isRestoring)
        settlement.lost([])
        #expect(!settlement.isSettled && settlement.isRestoring)
        let round = settlement.begin([]).round
        settlement.restored(round)
        #expect(!settlement.isSettled && !settlement.isRestoring)
        settlement.settled(round)
        #expect(settlement.isSettled)
    }

    @Test("A round that a second loss has overtaken ends nothing")
    func overtaken() {
        let settlement = Settlement()
        settlement.lost([])
        let first = settlement.begin([]).round
        settlement.lost([])
        settlement.restored(first)
        settlement.settled(first)
        #expect(!settlement.isCurrent(first))
        #expect(!settlement.isSettled && settlement.isRestoring)
        let second = settlement.begin([]).round
        settlement.settled(second)
        #expect(settlement.isSettled)
    }

    @Test("Whoever lived at a loss is awaited, also after a second loss, until all have come")
    func awaited() {
        let (one, two) = (NodeID(unchecked: "n1"), NodeID(unchecked: "n2"))
        let settlement = Settlement()
        settlement.lost([one, two])
        #expect(settlement.begin([one]).awaited == [one, two])
        settlement.lost([one])
        let (round, awaited) = settlement.begin([])
        #expect(awaited == [one, two])
        settlement.settled(round)
        #expect(settlement.begin([one]).awaited == [one])
    }
}

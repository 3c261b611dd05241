import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite("Who lives")
struct RosterTests {
    private let one = NodeID(unchecked: "n1")
    private let two = NodeID(unchecked: "n2")
    private let now = NIODeadline.now()

    @Test("Leases that were read before a node came up do not hide it, for as long as a lease lives")
    func announced() {
        let roster = Roster()
        roster.add(two, now: now)
        roster.replace([one], now: now)
        #expect(roster.living == [one, two])
        roster.replace([one], now: now + .seconds(Int64(NodeLease.lifetime)))
        #expect(roster.living == [one])
    }

    @Test("A node that is down is gone, whatever it said before")
    func down() {
        let roster = Roster()
        roster.add(two, now: now)
        roster.remove(two)
        roster.replace([one], now: now)
        #expect(roster.living == [one])
    }
}

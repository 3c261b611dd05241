import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct HistoryFollowerTests {
    private let follower = HistoryFollower()
    private let delivered = Box<String>()

    private func come(_ push: BusPush) { follower.accept(push) { delivered.add($0.id.rawValue) } }

    private func endCatchUp(_ missed: [BusPush]) -> Bool {
        follower.endCatchUp(missed) { delivered.add($0.id.rawValue) }
    }

    private var heard: [String: HistoryOffset] { follower.keep(["all", "group:g"]) }

    @Test func whereNobodyIsNothingIsRemembered() {
        come(kept(1))
        come(kept(1, to: .group(group("g"))))
        #expect(follower.keep(["all"]) == ["all": historyOffset(1)])
        #expect(heard == ["all": historyOffset(1)])
    }

    @Test func whatComesInOrderIsDeliveredAtOnce() {
        for sequence: UInt64 in 1...3 { come(kept(sequence)) }
        come(kept(1, to: .group(group("g"))))
        #expect(delivered.list == ["all-1", "all-2", "all-3", "group:g-1"])
        #expect(heard == ["all": historyOffset(3), "group:g": historyOffset(1)])
    }

    @Test func nothingIsDeliveredTwice() {
        for sequence: UInt64 in [2, 2, 1, 3] { come(kept(sequence)) }
        #expect(delivered.list == ["all-2", "all-3"])
    }

    @Test func aHistoryThatBeganAnewIsFollowed() {
        come(kept(5))
        come(kept(1, epoch: "f"))
        come(kept(1, epoch: "f"))
        #expect(delivered.list == ["all-5", "all-1"])
        #expect(heard["all"] == historyOffset(1, epoch: "f"))
    }

    @Test func whatHasNoPlaceInAHistoryIsNotItsBusiness() {
        come(kept(1, epoch: nil))
        #expect(delivered.list.isEmpty)
        #expect(heard.isEmpty)
    }

    // MARK: After the bus was away

    @Test func whatComesMeanwhileWaitsForWhatWasMissed() {
        come(kept(1))
        follower.hold()
        come(kept(4))
        come(kept(1, to: .group(group("g"))))
        #expect(delivered.list == ["all-1"])
        #expect(heard == ["all": historyOffset(1)])
        #expect(endCatchUp([kept(2), kept(3), kept(4)]))
        #expect(delivered.list == ["all-1", "all-2", "all-3", "all-4", "group:g-1"])
        come(kept(5))
        #expect(delivered.list.last == "all-5")
    }

    @Test func theBusMayBeLostAgainBeforeTheNodeHasCaughtUp() {
        follower.hold()
        come(kept(1))
        follower.hold()
        come(kept(2))
        #expect(endCatchUp([]))
        #expect(delivered.list == ["all-1", "all-2"])
    }

    @Test func whenTooMuchComesTheHistoriesAreReadAgain() {
        follower.hold()
        for sequence: UInt64 in 1...1000 { come(kept(sequence)) }
        // A limit for each channel.
        come(kept(1, to: .group(group("g"))))
        come(kept(1001))
        #expect(!endCatchUp([]))
        #expect(delivered.list.count == 1001)
        #expect(heard["all"] == historyOffset(1000))
        // Still waiting, since 1001 was left out.
        come(kept(1002))
        #expect(delivered.list.count == 1001)
        #expect(endCatchUp([kept(1001)]))
        #expect(delivered.list.suffix(2) == ["all-1001", "all-1002"])
        come(kept(1003))
        #expect(delivered.list.last == "all-1003")
    }

    @Test func aThousandStillFit() {
        follower.hold()
        for sequence: UInt64 in 1...1000 { come(kept(sequence)) }
        #expect(endCatchUp([]))
        #expect(delivered.list.count == 1000)
    }
}

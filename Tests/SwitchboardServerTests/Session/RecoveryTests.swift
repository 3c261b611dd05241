import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// What is told and given to a client that comes back, as far as it can be said without a session.
@Suite struct RecoveryTests {
    private let recovery = Recovery(["all": "e:2-0", "group:g": "", "group:other": "e:1-0"], groups: [group("g")])

    private func channel(_ name: String = "all") throws -> Recovery.Channel {
        try #require(recovery.channels[name])
    }

    private func read(_ newest: UInt64, _ pushes: [BusPush]?, epoch: String = "e", in name: String = "all") {
        recovery.channels[name]?.page = HistoryPage(newest: historyOffset(newest, epoch: epoch), pushes: pushes)
    }

    private func ids(_ pushes: [BusPush]) -> [String] { pushes.map(\.id.rawValue) }

    @Test func onlyTheClientsOwnChannelsAreLookedInto() {
        #expect(Set(recovery.channels.keys) == ["all", "group:g"])
        #expect(recovery.pendingReads == 2)
    }

    @Test func whatWasMissedComesAndThenWhatCameMeanwhile() throws {
        for sequence: UInt64 in 3...5 { recovery.hold(kept(sequence)) }
        read(4, [kept(3), kept(4)])
        #expect(ids(try channel().missed) == ["all-3", "all-4", "all-5"])
        #expect(try channel().state == ServerFrame.Hello.Channel(recovered: true, offset: "e:4-0"))
    }

    @Test func whoHasNothingYetIsToldWhereTheHistoryStands() throws {
        recovery.hold(kept(7, to: .group(group("g"))))
        recovery.hold(kept(8, to: .group(group("g"))))
        read(7, [], in: "group:g")
        #expect(ids(try channel("group:g").missed) == ["group:g-8"])
        #expect(try channel("group:g").state == ServerFrame.Hello.Channel(recovered: true, offset: "e:7-0"))
    }

    @Test func whatIsGoneIsNotRecovered() throws {
        read(9, nil)
        #expect(try channel().missed.isEmpty)
        #expect(try channel().state == ServerFrame.Hello.Channel(recovered: false, offset: "e:9-0"))
        // The client looks for its state elsewhere, and that has what came meanwhile.
        recovery.hold(kept(10))
        #expect(try channel().missed.isEmpty)
        #expect(try channel().state.offset == "e:10-0")
    }

    @Test func anOffsetThatIsNoneIsNotRecovered() throws {
        let recovery = Recovery(["all": "nonsense"], groups: [])
        recovery.channels["all"]?.page = HistoryPage(newest: historyOffset(9), pushes: [])
        #expect(recovery.channels["all"]?.state == ServerFrame.Hello.Channel(recovered: false, offset: "e:9-0"))
    }

    @Test func aHistoryThatCouldNotBeReadIsNotRecovered() throws {
        #expect(try channel().state == ServerFrame.Hello.Channel(recovered: false, offset: ""))
        #expect(try channel().missed.isEmpty)
    }

    @Test func whatCameOfANewEpochIsNewer() throws {
        read(4, [kept(3), kept(4)])
        recovery.hold(kept(1, epoch: "f"))
        #expect(try channel().missed.last?.durable?.place?.epoch == "f")
    }

    @Test func threeHundredAreHeldAndNoMore() throws {
        for sequence: UInt64 in 1...300 { recovery.hold(kept(sequence)) }
        read(0, [])
        #expect(try channel().isRecovered)
        #expect(try channel().missed.count == 300)
        recovery.hold(kept(301))
        #expect(try !channel().isRecovered)
        #expect(try channel().missed.isEmpty)
        #expect(try channel().held.count == 300)
    }

    @Test func eachChannelHasItsOwnPlaces() throws {
        for sequence: UInt64 in 1...301 { recovery.hold(kept(sequence)) }
        recovery.hold(kept(1, to: .group(group("g"))))
        recovery.hold(kept(1, to: .group(group("other"))))
        read(0, [], in: "group:g")
        #expect(try channel("group:g").isRecovered)
        #expect(try channel("group:g").held.count == 1)
    }
}

import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

/// What the shared contract cannot see: the clock and the bounds.
@Suite struct InProcessPresenceTests {
    private let clock = FakeClock()
    private let presence: InProcessPresence

    init() {
        let clock = clock
        presence = InProcessPresence(resumeWindow: 60) { clock.now }
    }

    private func join(_ record: SessionRecord, sourceLocation: SourceLocation = #_sourceLocation) -> UInt64 {
        let (registration, _) = presence.register(record, policy: .newest)
        guard case .registered(let epoch, _) = registration else {
            Issue.record("\(record.client): \(registration)", sourceLocation: sourceLocation)
            return 0
        }
        return epoch
    }

    private func departure(_ record: SessionRecord, _ epoch: UInt64, isLost: Bool = false) -> Departure {
        Departure(
            client: record.client, session: record.session, node: record.node, epoch: epoch,
            closeCode: isLost ? 1006 : 1000, reason: "gone", isLost: isLost, at: clock.now)
    }

    @Test func aLostClientIsSuspectUntilTheResumeWindowIsOver() {
        let record = session(of: client("a"))
        presence.unregister(departure(record, join(record), isLost: true))
        #expect(presence.client(client("a"))?.state == .suspect)
        clock.advance(seconds: 59.999)
        #expect(presence.client(client("a"))?.state == .suspect)
        clock.advance(seconds: 0.001)
        #expect(presence.client(client("a"))?.state == .offline)
        #expect(presence.client(client("a"))?.closeCode == 1006)
    }

    @Test func aSuspectClientHasNoOwner() {
        let record = session(of: client("a"), on: node("n7"))
        let epoch = join(record)
        #expect(presence.owner(of: client("a")) == node("n7"))
        presence.unregister(departure(record, epoch, isLost: true))
        #expect(presence.owner(of: client("a")) == nil)
    }

    @Test func aSessionThatComesBackIsOnlineAtOnce() {
        let record = session(of: client("a"))
        presence.unregister(departure(record, join(record), isLost: true))
        #expect(join(session(of: client("a"))) == 2)
        #expect(presence.client(client("a"))?.state == .online)
        #expect(presence.client(client("a"))?.closeReason == nil)
    }

    @Test func onlyTheCurrentSessionAtItsEpochCanLeave() {
        let record = session(of: client("a"))
        let epoch = join(record)
        presence.unregister(departure(record, epoch + 1))
        presence.unregister(departure(record, epoch - 1))
        presence.unregister(departure(session(of: client("a")), epoch))
        presence.unregister(departure(session(of: client("b")), 1))
        #expect(presence.client(client("a"))?.state == .online)
        #expect(presence.client(client("b")) == nil)
        presence.unregister(departure(record, epoch))
        #expect(presence.client(client("a"))?.state == .offline)
    }

    @Test func aSecondGoodbyeChangesNothing() {
        let record = session(of: client("a"))
        let first = departure(record, join(record))
        presence.unregister(first)
        clock.advance(seconds: 5)
        presence.unregister(departure(record, 1, isLost: true))
        #expect(presence.client(client("a"))?.disconnectedAt == first.at)
        #expect(presence.client(client("a"))?.state == .offline)
    }

    @Test func theNewerSessionEvictsTheOlderOnItsNode() {
        let older = session(of: client("a"), on: node("n1"))
        _ = join(older)
        let newer = session(of: client("a"), on: node("n2"))
        let (registration, eviction) = presence.register(newer, policy: .newest)
        #expect(registration == .registered(epoch: 2, hasMail: true))
        #expect(eviction?.1 == node("n1"))
        #expect(
            eviction?.0
                == Eviction(
                    client: client("a"), session: older.session, epoch: 2, node: node("n2"), address: newer.address))
    }

    @Test func connectingTooOftenCoolsDownByTheGivenClock() {
        for _ in 0..<RegistrationLimit.connects { _ = join(session(of: client("a"))) }
        let record = session(of: client("a"))
        #expect(presence.register(record, policy: .newest).0 == .coolingDown(seconds: 300))
        // The session that is there stays.
        #expect(presence.client(client("a"))?.state == .online)
        clock.advance(seconds: 299)
        #expect(presence.register(record, policy: .newest).0 == .coolingDown(seconds: 1))
        clock.advance(seconds: 1)
        #expect(presence.register(record, policy: .newest).0 == .registered(epoch: 16, hasMail: true))
    }

    @Test func aRefusedDuplicateIsNoConnect() {
        _ = join(session(of: client("a")))
        for _ in 0..<50 {
            #expect(presence.register(session(of: client("a")), policy: .reject).0 == .duplicate(node: node("n1")))
        }
        #expect(join(session(of: client("a"))) == 2)
    }

    @Test func clientsOfANodeWithoutALeaseAreLost() {
        presence.beat(
            NodeDescription(id: node("n1"), version: "", address: "", startedAt: 0, sessions: 0, isDraining: false))
        _ = join(session(of: client("a"), on: node("n1")))
        for name in ["b", "c"] { _ = join(session(of: client(name), on: node("n2"))) }
        let reaped = presence.reap()
        #expect(reaped.map(\.node) == [node("n2")])
        #expect(reaped.map(\.clients) == [2])
        #expect(presence.client(client("a"))?.state == .online)
        #expect(presence.client(client("b"))?.state == .suspect)
        #expect(presence.client(client("b"))?.closeReason == NodeLease.lostReason)
        #expect(presence.reap().isEmpty)
    }

    // MARK: Bounds

    private func comeAndGo(_ name: ClientID, _ id: SessionID) {
        let record = session(of: name, session: id)
        if case .registered(let epoch, _) = presence.register(record, policy: .newest).0 {
            presence.unregister(departure(record, epoch))
        }
    }

    @Test func theLongestGoneAreForgotten() {
        let id = SessionID.random()
        _ = join(session(of: client("online")))
        for index in 0..<(InProcessPresence.maximumOffline + 10) { comeAndGo(client("c\(index)"), id) }
        #expect((0..<10).allSatisfy { presence.client(client("c\($0)")) == nil })
        #expect(presence.client(client("c10"))?.state == .offline)
        #expect(presence.client(client("c\(InProcessPresence.maximumOffline + 9)"))?.state == .offline)
        #expect(presence.client(client("online"))?.state == .online)
    }

    @Test func whoCameBackIsNotForgotten() {
        let id = SessionID.random()
        comeAndGo(client("back"), id)
        _ = join(session(of: client("back")))
        for index in 0..<(InProcessPresence.maximumOffline + 10) { comeAndGo(client("c\(index)"), id) }
        #expect(presence.client(client("back"))?.state == .online)
    }

    /// Fewer clients than the bound are there, so nobody may be forgotten.
    @Test func oneRestlessClientDoesNotDisplaceTheOthers() {
        let id = SessionID.random()
        comeAndGo(client("quiet"), id)
        for _ in 0..<(InProcessPresence.maximumOffline + 10) {
            clock.advance(seconds: 5)
            comeAndGo(client("restless"), id)
        }
        #expect(presence.client(client("quiet"))?.state == .offline)
        #expect(presence.client(client("restless"))?.epoch == UInt64(InProcessPresence.maximumOffline + 10))
    }
}

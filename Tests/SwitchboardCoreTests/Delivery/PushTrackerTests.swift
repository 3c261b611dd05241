import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct PushTrackerTests {
    private func receipt(_ name: String, delivered: Int = 0, dropped: Int = 0) -> Receipt {
        Receipt(
            ticket: 1, node: node(name), matched: delivered + dropped, delivered: delivered,
            dropped: dropped)
    }

    private func counts(delivered: Int = 0, dropped: Int = 0, offline: Int = 0, nodes: Int = 0) -> PushCounts {
        var counts = PushCounts()
        counts.matched = delivered + dropped
        counts.delivered = delivered
        counts.dropped = dropped
        counts.offline = offline
        counts.nodes = nodes
        return counts
    }

    @Test func addsUpTheReceipts() {
        var tracker = PushTracker(target: .all)
        #expect(tracker.published(toNodes: 3) == nil)
        #expect(tracker.received(receipt("a", delivered: 4, dropped: 1)) == nil)
        #expect(tracker.received(receipt("b")) == nil)
        #expect(
            tracker.received(receipt("c", delivered: 2))
                == PushReport(counts: counts(delivered: 6, dropped: 1, nodes: 2), isFinal: true))
    }

    @Test func receiptsMayOvertakeTheBus() {
        var tracker = PushTracker(target: .client(client("x")))
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(
            tracker.published(toNodes: 1) == PushReport(counts: counts(delivered: 1, nodes: 1), isFinal: true))
    }

    @Test func aSecondReceiptOfANodeIsIgnored() {
        var tracker = PushTracker(target: .all)
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(tracker.received(receipt("a", delivered: 50)) == nil)
        #expect(
            tracker.received(receipt("b", dropped: 1))
                == PushReport(counts: counts(delivered: 1, dropped: 1, nodes: 2), isFinal: true))
    }

    @Test(arguments: [
        (Target.client(client("x")), 1), (.clients([client("x"), client("y"), client("z")]), 3),
        (.group(group("g")), 0),
        (.labels(["a": "b"]), 0), (.all, 0),
    ])
    func namedClientsThatAreNowhereAreOffline(target: Target, offline: Int) {
        var tracker = PushTracker(target: target)
        #expect(tracker.published(toNodes: 0) == PushReport(counts: counts(offline: offline), isFinal: true))
    }

    @Test func offlineIsWhatIsMissing() {
        var tracker = PushTracker(target: .clients([client("x"), client("y"), client("z")]))
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(
            tracker.received(receipt("b", dropped: 1))
                == PushReport(counts: counts(delivered: 1, dropped: 1, offline: 1, nodes: 2), isFinal: true))
    }

    /// A client that moves just now may be found on both nodes.
    @Test func aClientFoundTwiceMakesNobodyOfflineNorNegative() {
        var tracker = PushTracker(target: .client(client("x")))
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(tracker.received(receipt("b", delivered: 1))?.counts.offline == 0)
    }

    @Test func expiryTellsWhatIsKnownAndCallsNobodyOffline() {
        var tracker = PushTracker(target: .clients([client("x"), client("y")]))
        #expect(tracker.expired() == PushReport(counts: counts(), isFinal: false))
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(tracker.expired() == PushReport(counts: counts(delivered: 1, nodes: 1), isFinal: false))
    }

    @Test func theLivingSetEndsTheWaitForAListenerThatIsNoNode() {
        var tracker = PushTracker(target: .clients([client("x"), client("y")]))
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.living([node("a")]) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(
            tracker.living([node("a")])
                == PushReport(counts: counts(delivered: 1, offline: 1, nodes: 1), isFinal: true))
    }

    /// A receipt is a bus message, and any program can publish one.
    @Test func absurdCountsDoNotEndTheProcess() async {
        await #expect(processExitsWith: .success) {
            var tracker = PushTracker(target: .all)
            for name in ["a", "b"] {
                let receipt = Receipt(
                    ticket: 1, node: NodeID(unchecked: name), matched: .max, delivered: .max,
                    dropped: .max)
                _ = tracker.received(receipt)
            }
            _ = tracker.published(toNodes: 2)
        }
    }

    // MARK: Waiting

    private func acks(_ clients: Int, of name: String = "a") -> Acknowledgement {
        Acknowledgement(ticket: 1, node: node(name), clients: clients)
    }

    @Test func whoWaitsHearsOnlyWhenEveryoneHasAcked() {
        var tracker = PushTracker(target: .all, waits: true)
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 2, dropped: 1)) == nil)
        #expect(tracker.acknowledged(acks(2)) == nil)
        #expect(tracker.received(receipt("b", delivered: 1)) == nil)
        var expected = counts(delivered: 3, dropped: 1, nodes: 2)
        expected.acked = 3
        #expect(tracker.acknowledged(acks(1, of: "b")) == PushReport(counts: expected, isFinal: true))
    }

    @Test func acksMayOvertakeTheReceipts() {
        var tracker = PushTracker(target: .client(client("x")), waits: true)
        #expect(tracker.acknowledged(acks(1)) == nil)
        #expect(tracker.published(toNodes: 1) == nil)
        #expect(tracker.received(receipt("a", delivered: 1))?.counts.acked == 1)
    }

    @Test func nobodyToWaitForIsFinalAtOnce() {
        var tracker = PushTracker(target: .client(client("x")), waits: true)
        #expect(tracker.published(toNodes: 0) == PushReport(counts: counts(offline: 1), isFinal: true))
    }

    @Test func expiryWhileWaitingTellsWhoHasAckedSoFar() {
        var tracker = PushTracker(target: .clients([client("x"), client("y")]), waits: true)
        #expect(tracker.published(toNodes: 1) == nil)
        #expect(tracker.received(receipt("a", delivered: 2)) == nil)
        #expect(tracker.acknowledged(acks(1)) == nil)
        var expected = counts(delivered: 2, nodes: 1)
        expected.acked = 1
        #expect(tracker.expired() == PushReport(counts: expected, isFinal: false))
    }

    /// The node that had the clients died between its receipt and their acks.
    @Test func aNodeThatDiesMidwayLeavesItsClientsUnacked() {
        var tracker = PushTracker(target: .all, waits: true)
        #expect(tracker.published(toNodes: 2) == nil)
        #expect(tracker.received(receipt("a", delivered: 1)) == nil)
        #expect(tracker.received(receipt("b", delivered: 1)) == nil)
        #expect(tracker.acknowledged(acks(1)) == nil)
        #expect(tracker.living([node("a")]) == nil)
        let last = tracker.expired()
        #expect(last.counts.delivered == 2)
        #expect(last.counts.acked == 1)
        #expect(last.isFinal == false)
    }

    @Test func moreAcksThanDeliveriesAreNotCounted() {
        var tracker = PushTracker(target: .all, waits: true)
        #expect(tracker.published(toNodes: 1) == nil)
        #expect(tracker.acknowledged(acks(7)) == nil)
        #expect(tracker.received(receipt("a", delivered: 2))?.counts.acked == 2)
    }

    // MARK: Stored

    @Test func whoIsAbsentHasItInTheMailbox() {
        var tracker = PushTracker(target: .clients([client("x"), client("y"), client("z")]), isStored: true)
        #expect(tracker.expired().counts.queued == 3)
        #expect(tracker.expired().counts.offline == 0)
        #expect(tracker.published(toNodes: 1) == nil)
        var expected = counts(delivered: 1, offline: 2, nodes: 1)
        expected.queued = 2
        #expect(
            tracker.received(receipt("a", delivered: 1))
                == PushReport(counts: expected, isFinal: true, holders: [node("a")]))
    }

    /// It reconnected to another node while the push was on its way to the first.
    @Test func aClientThatMovedGotItFromItsMailbox() {
        var tracker = PushTracker(target: .client(client("x")), isStored: true, waits: true)
        #expect(tracker.acknowledged(acks(1, of: "b")) == nil)
        #expect(tracker.published(toNodes: 1) == nil)
        var expected = counts(delivered: 1, nodes: 1)
        expected.acked = 1
        #expect(tracker.received(receipt("a")) == PushReport(counts: expected, isFinal: true))
    }

    /// Its queue was full, so it got the push from its mailbox when there was room.
    @Test func aDroppedPushThatWasAckedIsDelivered() {
        var tracker = PushTracker(target: .client(client("x")), isStored: true, waits: true)
        #expect(tracker.acknowledged(acks(1)) == nil)
        #expect(tracker.published(toNodes: 1) == nil)
        var expected = counts(delivered: 1, nodes: 1)
        expected.acked = 1
        #expect(
            tracker.received(receipt("a", dropped: 1))
                == PushReport(counts: expected, isFinal: true, holders: [node("a")]))
    }

    @Test func absurdAcksDoNotEndTheProcess() async {
        await #expect(processExitsWith: .success) {
            for isStored in [false, true] {
                var tracker = PushTracker(target: .all, isStored: isStored, waits: true)
                for _ in 0..<2 {
                    _ = tracker.acknowledged(
                        Acknowledgement(ticket: 1, node: NodeID(unchecked: "a"), clients: .max))
                }
                _ = tracker.published(toNodes: 0)
            }
        }
    }
}

import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct PushTrackerTests {
    private func receipt(_ name: String, delivered: Int = 0, dropped: Int = 0) -> Receipt {
        Receipt(
            push: PushID(unchecked: "p"), node: node(name), matched: delivered + dropped, delivered: delivered,
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
                    push: PushID(unchecked: "p"), node: NodeID(unchecked: name), matched: .max, delivered: .max,
                    dropped: .max)
                _ = tracker.received(receipt)
            }
            _ = tracker.published(toNodes: 2)
        }
    }
}

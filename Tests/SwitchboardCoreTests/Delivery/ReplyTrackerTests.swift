import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct ReplyTrackerTests {
    @Test func isCompleteWhenTheLastNodeAnswers() {
        var tracker = ReplyTracker()
        #expect(tracker.published(toNodes: 2) == false)
        #expect(tracker.answered(node("a")) == .counted(isComplete: false))
        #expect(tracker.answered(node("b")) == .counted(isComplete: true))
    }

    @Test func isCompleteWhenTheBusAnswersLast() {
        var tracker = ReplyTracker()
        #expect(tracker.answered(node("a")) == .counted(isComplete: false))
        #expect(tracker.answered(node("b")) == .counted(isComplete: false))
        #expect(tracker.published(toNodes: 2) == true)
    }

    @Test func nobodyReachedIsComplete() {
        var tracker = ReplyTracker()
        #expect(tracker.published(toNodes: 0) == true)
    }

    @Test func aRepeatedAnswerCountsOnce() {
        var tracker = ReplyTracker()
        #expect(tracker.published(toNodes: 2) == false)
        #expect(tracker.answered(node("a")) == .counted(isComplete: false))
        #expect(tracker.answered(node("a")) == .repeated)
        #expect(tracker.answered(node("b")) == .counted(isComplete: true))
    }

    @Test func moreReceiversThanNodesAreSettledByTheLivingSet() {
        var tracker = ReplyTracker()
        #expect(tracker.published(toNodes: 3) == false)
        #expect(tracker.answered(node("a")) == .counted(isComplete: false))
        #expect(tracker.living([node("a"), node("b")]) == false)
        #expect(tracker.answered(node("b")) == .counted(isComplete: false))
        #expect(tracker.living([node("a"), node("b")]) == true)
    }

    @Test func anUnknownLivingSetSettlesNothing() {
        var tracker = ReplyTracker()
        #expect(tracker.published(toNodes: 1) == false)
        #expect(tracker.living([]) == false)
        #expect(tracker.living([node("silent")]) == false)
    }

    @Test func theLivingSetSaysNothingBeforeTheBusHasSpoken() {
        var tracker = ReplyTracker()
        #expect(tracker.answered(node("a")) == .counted(isComplete: false))
        #expect(tracker.living([node("a")]) == false)
    }
}

import Synchronization
import Testing

@testable import SwitchboardCore

@Suite struct HandOverQueueTests {
    private final class Log: Sendable {
        private let entries = Mutex<[Int]>([])
        private let running = Atomic<Int>(0)
        func add(_ entry: Int) { entries.withLock { $0.append(entry) } }
        /// Adds -1 when another is at it.
        func alone(_ body: () -> Void) {
            if running.wrappingAdd(1, ordering: .relaxed).newValue == 1 { body() } else { add(-1) }
            running.wrappingSubtract(1, ordering: .relaxed)
        }
        var all: [Int] { entries.withLock { $0 } }
    }

    @Test func jobsAreDoneInOrderWhenTheQueueRuns() {
        let (queue, log) = (HandOverQueue(), Log())
        for index in 0..<5 { queue.add { log.add(index) } }
        #expect(log.all.isEmpty)
        queue.run()
        #expect(log.all == [0, 1, 2, 3, 4])
    }

    /// A receiver that answers a push with another one must neither deadlock nor overtake.
    @Test func aJobMayAddJobsWhichComeBehindThoseThatWait() {
        let (queue, log) = (HandOverQueue(), Log())
        queue.add {
            log.add(0)
            queue.add { log.add(2) }
            queue.run()
            log.add(1)
        }
        queue.run()
        #expect(log.all == [0, 1, 2])
    }

    @Test func jobsOfManyThreadsAreNeverDoneAtTheSameTime() async {
        let (queue, log) = (HandOverQueue(), Log())
        await withTaskGroup(of: Void.self) { tasks in
            for task in 0..<8 {
                tasks.addTask {
                    for index in 0..<500 {
                        queue.add {
                            log.alone { log.add(task * 1000 + index) }
                        }
                        queue.run()
                    }
                }
            }
        }
        // Whoever ran the queue last may still have been at it when the others were done; but it, too, is one of them.
        #expect(log.all.count == 4000)
        #expect(!log.all.contains(-1))
        for task in 0..<8 {
            #expect(log.all.filter { $0 / 1000 == task } == (0..<500).map { task * 1000 + $0 })
        }
    }

    @Test func aBarrierEndsBehindWhatWasAddedBefore() {
        let (one, two, log) = (HandOverQueue(), HandOverQueue(), Log())
        one.add { log.add(1) }
        two.add {
            log.add(2)
            HandOverQueue.barrier([one, two]) { log.add(4) }
            // It is this job itself that the barrier waits for.
            log.add(3)
        }
        two.run()
        #expect(log.all == [2, 1, 3, 4])
    }

    @Test func aBarrierOnIdleQueuesEndsAtOnce() {
        let log = Log()
        HandOverQueue.barrier([HandOverQueue(), HandOverQueue()]) { log.add(1) }
        #expect(log.all == [1])
    }

    @Test func aBacklogIsFull() {
        let queue = HandOverQueue()
        for _ in 1..<HandOverQueue.maximumJobs { queue.add {} }
        #expect(!queue.isFull)
        queue.add {}
        #expect(queue.isFull)
        queue.run()
        #expect(!queue.isFull)
    }
}

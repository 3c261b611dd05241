import DequeModule
import Synchronization

/// Does jobs one after the other, in the order in which they were added, and never under a lock: a job may add jobs.
///
/// There is no thread of its own: whoever finds the queue idle does what is in it, also what others add meanwhile.
final class HandOverQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: Deque<Job> = []
        var isRunning = false
    }

    /// The most jobs that wait; a backlog can only come about while a receiver is slow.
    static let maximumJobs = 100_000

    private let state = Mutex(State())

    var isFull: Bool { state.withLock { $0.jobs.count >= Self.maximumJobs } }

    /// Adds a job; the caller must call ``run()`` soon, after it has let go of its own locks.
    func add(_ job: @escaping Job) { state.withLock { $0.jobs.append(job) } }

    func run() {
        let mayRun = state.withLock { state in
            if state.isRunning { return false }
            state.isRunning = true
            return true
        }
        guard mayRun else { return }
        while let job = next() { job() }
    }

    private func next() -> Job? {
        state.withLock { state in
            let job = state.jobs.popFirst()
            if job == nil { state.isRunning = false }
            return job
        }
    }

    /// Calls `completion` when everything that was added to these queues before is done.
    static func barrier(_ queues: [HandOverQueue], completion: @escaping Job) {
        let countdown = Countdown(queues.count, completion: completion)
        for queue in queues {
            queue.add { countdown.step() }
            queue.run()
        }
    }
}

private final class Countdown: Sendable {
    private let remaining: Atomic<Int>
    private let completion: HandOverQueue.Job

    init(_ count: Int, completion: @escaping HandOverQueue.Job) {
        remaining = Atomic(count)
        self.completion = completion
    }

    func step() {
        if remaining.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
    }
}

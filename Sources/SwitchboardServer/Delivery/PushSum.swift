import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The one answer to pushes that were sent to many clients one by one.
final class PushSum: Sendable {
    private struct State {
        var pending: Int
        var report = PushReport(counts: PushCounts(), isFinal: true)
        var nodes: Set<NodeID> = []
        var failure: PushFailure?
    }

    private let state: Mutex<State>
    private let completion: @Sendable (Result<PushReport, PushFailure>) -> Void

    /// - Parameter completion: Called once, with the last part.
    init(count: Int, completion: @escaping @Sendable (Result<PushReport, PushFailure>) -> Void) {
        state = Mutex(State(pending: count))
        self.completion = completion
    }

    func add(_ result: Result<PushReport, PushFailure>) {
        let done: Result<PushReport, PushFailure>? = state.withLock { state in
            switch result {
            case .success(let report):
                state.report.counts.add(report.counts)
                state.report.isFinal = state.report.isFinal && report.isFinal
                state.nodes.formUnion(report.holders)
            case .failure(.mailboxFull):
                var full = PushCounts()
                (full.matched, full.dropped) = (1, 1)
                state.report.counts.add(full)
            case .failure(let failure): state.failure = failure
            }
            state.pending -= 1
            guard state.pending == 0 else { return nil }
            state.report.counts.nodes = state.nodes.count
            return state.failure.map { .failure($0) } ?? .success(state.report)
        }
        if let done { completion(done) }
    }
}

extension PushCounts {
    /// Adds what became of another part of the same push, but for the nodes: the same one may hold clients of both.
    /// The counts come from outside, so the sums are clamped.
    mutating func add(_ other: PushCounts) {
        matched = matched.clampedSum(other.matched)
        delivered = delivered.clampedSum(other.delivered)
        acked = acked.clampedSum(other.acked)
        queued = queued.clampedSum(other.queued)
        offline = offline.clampedSum(other.offline)
        dropped = dropped.clampedSum(other.dropped)
    }
}

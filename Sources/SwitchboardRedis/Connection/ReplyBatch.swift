import SwitchboardCore
import Synchronization

/// Collects the replies to commands that were sent one behind the other.
final class ReplyBatch: Sendable {
    private struct State {
        var replies: [RESPReply] = []
        var isDone = false
    }

    private let state = Mutex(State())
    private let count: Int
    private let completion: @Sendable (Result<[RESPReply], BusError>) -> Void

    /// - Parameter completion: Called once: with all `count` replies in the order of the commands, or with the first failure.
    init(count: Int, completion: @escaping @Sendable (Result<[RESPReply], BusError>) -> Void) {
        self.count = count
        self.completion = completion
        state.withLock { $0.replies.reserveCapacity(count) }
    }

    func add(_ reply: RESPReply) {
        let replies: [RESPReply]? = state.withLock { state in
            state.replies.append(reply)
            guard !state.isDone, state.replies.count == count else { return nil }
            state.isDone = true
            return state.replies
        }
        if let replies { completion(.success(replies)) }
    }

    func fail(_ error: BusError) {
        let isFirst = state.withLock { state in
            defer { state.isDone = true }
            return !state.isDone
        }
        if isFirst { completion(.failure(error)) }
    }
}

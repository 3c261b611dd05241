import SwitchboardCore
import Synchronization

/// Collects the replies to several commands.
final class ReplyBatch: Sendable {
    private struct State {
        var replies: [RESPReply] = []
        var missing: Int
        var isDone = false
    }

    private let state: Mutex<State>
    private let completion: @Sendable (Result<[RESPReply], BusError>) -> Void

    /// - Parameter completion: Called once: with all `count` replies in the order of the commands, or with the first failure.
    init(count: Int, completion: @escaping @Sendable (Result<[RESPReply], BusError>) -> Void) {
        self.completion = completion
        state = Mutex(State(replies: Array(repeating: .null, count: count), missing: count))
    }

    /// Replies come in any order when the commands went over several connections.
    func add(_ reply: RESPReply, at index: Int) {
        let replies: [RESPReply]? = state.withLock { state in
            state.replies[index] = reply
            state.missing -= 1
            guard !state.isDone, state.missing == 0 else { return nil }
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

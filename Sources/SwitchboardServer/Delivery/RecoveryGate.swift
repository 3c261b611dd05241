import DequeModule
import Synchronization

/// Lets only so many clients of a node look for what they missed at a time: when a fleet comes back, their pages together must
/// not fill the one connection to the store, which pushes need as well.
final class RecoveryGate: Sendable {
    /// How many read their histories at once.
    private static let width = 8

    private let state = Mutex<(free: Int, waiting: Deque<@Sendable () -> Void>)>((width, []))

    /// - Parameter work: Called at once, or later on the thread that calls ``leave()``.
    func enter(_ work: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            guard state.free > 0 else {
                state.waiting.append(work)
                return false
            }
            state.free -= 1
            return true
        }
        if isFree { work() }
    }

    /// For each ``enter(_:)`` whose work was called, once.
    func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?()
    }
}

import DequeModule
import NIOCore
import Synchronization

/// The parts of one streamed answer: they become ready in any order, and leave in the order in which they were begun.
///
/// It is bounded both ways: whoever begins another part waits while too many are under way, or too much is ready that the
/// caller has not read. One task begins parts, one takes them.
final class AnswerQueue: Sendable {
    /// How much may be in the queue.
    struct Limits: Sendable {
        /// Parts begun and not ready.
        var partsUnderWay: Int
        /// Bytes that those hold, one of them always excepted.
        var bytesUnderWay: Int
        /// Bytes that are ready and have not left.
        var unsentBytes: Int
    }

    /// Bytes beyond which what is ready leaves in several writes.
    private static let writeSize = 64 * 1024

    private struct Part {
        let cost: Int
        /// nil while it is under way.
        var bytes: ByteBuffer?
    }

    private struct State {
        var parts: Deque<Part> = []
        /// The number of the part that `parts` begins with.
        var first = 0
        var underWay = 0
        var bytesUnderWay = 0
        var unsent = 0
        /// Something that may leave whenever nothing else does.
        var sign: ByteBuffer?
        var isFinished = false
        var failure: (any Error)?
        var beginner: CheckedContinuation<Void, Never>?
        var taker: CheckedContinuation<Void, Never>?
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits) { self.limits = limits }

    // MARK: In

    /// Begins a part, when there is room for it.
    ///
    /// - Parameter cost: Bytes that are held until it is ready.
    /// - Returns: Its number, for ``fill(_:_:)``.
    /// - Throws: when nobody reads the answer any more.
    func begin(cost: Int = 0) async throws -> Int {
        try await wait { hasRoom($0, for: cost) }
        return state.withLock { state in
            state.parts.append(Part(cost: cost))
            state.underWay += 1
            state.bytesUnderWay += cost
            return state.first + state.parts.count - 1
        }
    }

    /// Waits until every part that was begun is ready.
    ///
    /// - Throws: when nobody reads the answer any more.
    func settle() async throws { try await wait { $0.underWay == 0 } }

    /// Only the one task that begins parts makes a condition untrue.
    private func wait(until isMet: (borrowing State) -> Bool) async throws {
        while true {
            let isDue = try state.withLock { state in
                if let failure = state.failure { throw failure }
                return isMet(state)
            }
            if isDue { return }
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.failure != nil || isMet(state) { return true }
                    state.beginner = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        }
    }

    private func hasRoom(_ state: State, for cost: Int) -> Bool {
        state.underWay < limits.partsUnderWay && state.unsent < limits.unsentBytes
            && (state.underWay == 0 || state.bytesUnderWay + cost <= limits.bytesUnderWay)
    }

    /// The part is ready. On any thread.
    func fill(_ number: Int, _ bytes: ByteBuffer) {
        wake { state in
            let index = number - state.first
            guard state.failure == nil, state.parts.indices.contains(index) else { return }
            state.parts[index].bytes = bytes
            state.underWay -= 1
            state.bytesUnderWay -= state.parts[index].cost
            state.unsent += bytes.readableBytes
        }
    }

    /// Adds a part that is ready.
    func add(_ bytes: ByteBuffer) async throws { fill(try await begin(), bytes) }

    /// A sign of life for the caller, left out when something else is to leave.
    func sign(_ bytes: ByteBuffer) { wake { if $0.parts.isEmpty { $0.sign = bytes } } }

    /// No more parts will be begun.
    func finish() { wake { $0.isFinished = true } }

    /// The answer cannot be brought to its end, or nobody reads it.
    func fail(_ error: any Error) { wake { if $0.failure == nil { $0.failure = error } } }

    // MARK: Out

    /// Waits for what is to leave next.
    ///
    /// - Returns: nil at the end.
    /// - Throws: the error given to ``fail(_:)``.
    func next() async throws -> ByteBuffer? {
        while true {
            var bytes = ByteBuffer()
            var isAtEnd = false
            wake { state in
                guard state.failure == nil else { return }
                while let part = state.parts.first?.bytes, bytes.readableBytes < Self.writeSize {
                    bytes.writeImmutableBuffer(part)
                    state.parts.removeFirst()
                    state.first += 1
                    state.unsent -= part.readableBytes
                }
                if bytes.readableBytes == 0, let sign = state.sign { bytes = sign }
                state.sign = nil
                isAtEnd = state.isFinished && state.parts.isEmpty
            }
            if bytes.readableBytes > 0 { return bytes }
            if let failure = state.withLock({ $0.failure }) { throw failure }
            if isAtEnd { return nil }
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if canTake(state) { return true }
                    state.taker = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        }
    }

    private func canTake(_ state: State) -> Bool {
        state.failure != nil || state.sign != nil || state.parts.first?.bytes != nil
            || state.isFinished && state.parts.isEmpty
    }

    /// Changes the state, and wakes whom that concerns.
    private func wake(_ change: (inout State) -> Void) {
        let (beginner, taker) = state.withLock { state in
            change(&state)
            var beginner: CheckedContinuation<Void, Never>?
            var taker: CheckedContinuation<Void, Never>?
            // It looks again by itself whether that is what it waits for.
            swap(&beginner, &state.beginner)
            if canTake(state) { swap(&taker, &state.taker) }
            return (beginner, taker)
        }
        beginner?.resume()
        taker?.resume()
    }
}

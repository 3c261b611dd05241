public import SwitchboardCore
import Synchronization

/// A receiver that keeps what it gets and lets a test wait for it.
public final class Recorder: BusReceiver {
    private struct Waiter {
        let id: Int
        let isDone: @Sendable ([BusMessage], Int) -> Bool
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var messages: [BusMessage] = []
        var recoveries = 0
        var losses = 0
        var waiters: [Waiter] = []
        var nextID = 0
    }

    private let state = Mutex(State())

    public init() {}

    public var messages: [BusMessage] { state.withLock { $0.messages } }

    public var recoveries: Int { state.withLock { $0.recoveries } }

    /// Those that a test is about, without the nodes' own news.
    public var relevant: [BusMessage] { messages.filter(Self.isRelevant) }

    public static func isRelevant(_ message: BusMessage) -> Bool {
        switch message {
        case .nodeUp, .nodeDown, .canary: false
        default: true
        }
    }

    public func receive(_ message: BusMessage) {
        changed { $0.messages.append(message) }
    }

    public func busWasLost() { changed { $0.losses += 1 } }

    public var losses: Int { state.withLock { $0.losses } }

    public func busDidRecover() {
        changed { $0.recoveries += 1 }
    }

    private func changed(_ change: (inout State) -> Void) {
        let done: [Waiter] = state.withLock { state in
            change(&state)
            guard !state.waiters.isEmpty else { return [] }
            let done = state.waiters.filter { $0.isDone(state.messages, state.recoveries) }
            state.waiters.removeAll { waiter in done.contains { $0.id == waiter.id } }
            return done
        }
        for waiter in done { waiter.continuation.resume(returning: true) }
    }

    /// - Parameter isDone: Asked with all messages and the number of recoveries, whenever one of them has changed.
    /// - Returns: false when the time was up first.
    public func wait(
        within time: Duration = .seconds(20), until isDone: @escaping @Sendable ([BusMessage], Int) -> Bool
    ) async -> Bool {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let deadline = Task { [self] in
            try await Task.sleep(for: time)
            let late = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiters.remove(at: index)
            }
            late?.continuation.resume(returning: false)
        }
        defer { deadline.cancel() }
        return await withCheckedContinuation { continuation in
            let isDoneAlready = state.withLock { state in
                if isDone(state.messages, state.recoveries) { return true }
                state.waiters.append(Waiter(id: id, isDone: isDone, continuation: continuation))
                return false
            }
            if isDoneAlready { continuation.resume(returning: true) }
        }
    }

    /// Waits for that many relevant messages; returns what there is when the time is up.
    public func relevant(_ count: Int, within time: Duration = .seconds(20)) async -> [BusMessage] {
        _ = await wait(within: time) { messages, _ in
            // Counting all first keeps a long burst cheap.
            messages.count >= count && messages.count(where: Self.isRelevant) >= count
        }
        return relevant
    }

    public func recovered(_ count: Int = 1, within time: Duration = .seconds(20)) async -> Bool {
        await wait(within: time) { $1 >= count }
    }
}

import NIOCore
import NIOPosix
import Synchronization

/// What has arrived and was not looked at yet.
final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: CircularBuffer<Element> = []
        var waiting: [(number: Int, promise: EventLoopPromise<Element>)] = []
        var asked = 0
        var isFinished = false
    }

    /// Nothing more will arrive.
    struct Finished: Error {}

    private let state = Mutex(State())

    func put(_ element: Element) {
        let promise: EventLoopPromise<Element>? = state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().promise }
            state.elements.append(element)
            return nil
        }
        promise?.succeed(element)
    }

    func finish() {
        let waiting = state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for (_, promise) in waiting { promise.fail(Finished()) }
    }

    /// - Throws: ``Late``, or ``Finished``.
    func next(within time: Duration = .seconds(5), _ what: String = "the next event") async throws -> Element {
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Element.self)
        let number = state.withLock { state in
            state.asked += 1
            if let element = state.elements.popFirst() {
                promise.succeed(element)
            } else if state.isFinished {
                promise.fail(Finished())
            } else {
                state.waiting.append((state.asked, promise))
            }
            return state.asked
        }
        do {
            return try await promise.futureResult.get(within: time, what)
        } catch let late as Late {
            let hasGivenUp = state.withLock { state in
                guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return false }
                state.waiting.remove(at: index)
                return true
            }
            if hasGivenUp {
                promise.fail(late)
                throw late
            }
            // It came in the last instant.
            return try await promise.futureResult.get()
        }
    }
}

/// A count that can be awaited.
final class Tally: Sendable {
    private struct State {
        var count = 0
        var goal = Int.max
        var promise: EventLoopPromise<Void>?
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func add(_ number: Int = 1) {
        let reached: EventLoopPromise<Void>? = state.withLock { state in
            state.count += number
            guard state.count >= state.goal else { return nil }
            defer { state.promise = nil }
            return state.promise
        }
        reached?.succeed()
    }

    /// - Throws: ``Late``, with how far it got.
    func reach(_ goal: Int, within time: Duration, _ what: String) async throws {
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
        let isReached = state.withLock { state in
            guard state.count < goal else { return true }
            state.goal = goal
            state.promise = promise
            return false
        }
        if isReached { promise.succeed() }
        do {
            try await promise.futureResult.get(within: time, what)
        } catch {
            throw Late("\(what): \(count) of \(goal)", time)
        }
    }
}

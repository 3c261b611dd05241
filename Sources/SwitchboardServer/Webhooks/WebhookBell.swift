import Synchronization

/// Wakes the worker. Rung often while it works, it rings once more when it is done.
final class WebhookBell: Sendable {
    let rings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let isUrgent = Atomic(false)

    init() {
        (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// - Parameter urgently: There is enough to do; waiting for more is of no use.
    func ring(urgently: Bool = false) {
        if urgently { isUrgent.store(true, ordering: .relaxed) }
        continuation.yield()
    }

    /// - Returns: Whether it rang urgently since it was last asked.
    func takeUrgency() -> Bool { isUrgent.exchange(false, ordering: .relaxed) }

    /// It rings no more.
    func end() { continuation.finish() }
}

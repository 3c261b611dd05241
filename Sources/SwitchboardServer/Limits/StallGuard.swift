import NIOCore

/// Notices a peer that does not read what it is sent: the connection's buffer has been full for too long.
///
/// Beside the queue limits of sessions this is what bounds how long an answer is kept for somebody who never takes it.
struct StallGuard {
    private var deadline: Scheduled<Void>?

    /// The channel's writability has changed.
    ///
    /// - Parameter stalled: Called on the loop when it has not become writable in time.
    mutating func changed(_ channel: any Channel, seconds: Double, _ stalled: @escaping @Sendable () -> Void) {
        deadline?.cancel()
        deadline = nil
        guard !channel.isWritable else { return }
        deadline = channel.eventLoop.scheduleTask(in: TimeAmount(seconds: seconds)) {
            stalled()
            channel.close(promise: nil)
        }
    }

    mutating func cancel() {
        deadline?.cancel()
        deadline = nil
    }
}

extension TimeAmount {
    /// A time that a setting gives.
    init(seconds: Double) { self = .nanoseconds(Int64(seconds * 1_000_000_000)) }
}

import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Clients for whom a durable push came while this node had no open session of theirs: one that is about to open looks into
/// its mailbox. Bounded in time and number.
final class UnclaimedMail: Sendable {
    private static let maximum = 10_000
    /// Seconds; longer than a session takes to open.
    private static let lifetime: UInt64 = 60

    private struct State {
        /// Monotonic seconds.
        var clients: [ClientID: UInt64] = [:]
        /// Until then too many were noted, so that everyone has to look.
        var overflowUntil: UInt64 = 0
    }

    private let state = Mutex(State())

    func note(_ client: ClientID) {
        let now = Self.now
        state.withLock { state in
            // While everyone has to look in any case, the table is not searched again for each of them.
            if state.clients.count >= Self.maximum, state.overflowUntil <= now {
                state.clients = state.clients.filter { $0.value > now }
            }
            if state.clients.count < Self.maximum {
                state.clients[client] = now + Self.lifetime
            } else {
                state.overflowUntil = now + Self.lifetime
            }
        }
    }

    /// - Returns: Whether the client's mailbox must be looked into.
    func take(_ client: ClientID) -> Bool {
        state.withLock { state in
            guard !state.clients.isEmpty || state.overflowUntil > 0 else { return false }
            return state.clients.removeValue(forKey: client) != nil || state.overflowUntil > Self.now
        }
    }

    private static var now: UInt64 { MonotonicClock.nanoseconds() / 1_000_000_000 }
}

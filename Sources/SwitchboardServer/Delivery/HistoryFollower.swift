import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Knows how far this node has heard each channel's history, so that what was pushed while the bus was away reaches the
/// sessions afterwards, in order and once.
final class HistoryFollower: Sendable {
    /// The most pushes of one channel that wait while the node catches up; one more makes it begin again.
    private static let maximumHeld = 1000

    private static let maximumChannels = 50_000

    private struct State {
        var heard: [String: HistoryOffset] = [:]
        /// Pushes that come while the node catches up; nil otherwise.
        var held: [String: [BusPush]]?
        var hasOverflown = false

        /// - Returns: false when that far has been heard already.
        mutating func advance(_ channel: String, to offset: HistoryOffset) -> Bool {
            if let known = heard[channel], known.epoch == offset.epoch, known.offset >= offset.offset { return false }
            // Without it a catch-up goes by the clock; so forgetting costs little, and now and then it must be.
            if heard.count >= HistoryFollower.maximumChannels { heard.removeAll() }
            heard[channel] = offset
            return true
        }
    }

    private let state = Mutex(State())

    /// A durable push to a group or to all has come.
    ///
    /// - Parameter deliver: Called when it is the push's turn now, and it is no repetition.
    func accept(_ push: BusPush, deliver: (BusPush) -> Void) {
        guard let place = push.durable?.place, let epoch = place.epoch else { return }
        let channel = push.target.channel
        let isDue: Bool = state.withLock { state in
            if state.held != nil {
                if state.held?[channel]?.count ?? 0 < Self.maximumHeld {
                    state.held?[channel, default: []].append(push)
                } else {
                    state.hasOverflown = true
                }
                return false
            }
            return state.advance(channel, to: HistoryOffset(epoch: epoch, offset: place.offset))
        }
        if isDue { deliver(push) }
    }

    /// The bus was away: what comes from now on waits for what was missed.
    func hold() { state.withLock { $0.held = $0.held ?? [:] } }

    /// Forgets all other channels.
    ///
    /// - Returns: How far these were heard, as far as they were.
    func keep(_ channels: Set<String>) -> [String: HistoryOffset] {
        state.withLock { state in
            state.heard = state.heard.filter { channels.contains($0.key) }
            return state.heard
        }
    }

    /// - Parameters:
    ///   - missed: What the histories hold behind ``heard``.
    ///   - deliver: Called for each push that this node's sessions have not got, in order, and before any newer one. It must
    ///     not call back.
    /// - Returns: false when too much came meanwhile: the histories have to be read again.
    func endCatchUp(_ missed: [BusPush], deliver: (BusPush) -> Void) -> Bool {
        state.withLock { state in
            let held = state.held ?? [:]
            for push in missed + held.sorted(by: { $0.key < $1.key }).flatMap(\.value) {
                guard let place = push.durable?.place, let epoch = place.epoch else { continue }
                if state.advance(push.target.channel, to: HistoryOffset(epoch: epoch, offset: place.offset)) {
                    deliver(push)
                }
            }
            let isComplete = !state.hasOverflown
            state.held = isComplete || state.held == nil ? nil : [:]
            state.hasOverflown = false
            return isComplete
        }
    }
}

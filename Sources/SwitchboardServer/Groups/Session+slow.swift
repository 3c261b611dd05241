import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// A client that reads too slowly and has asked not to be closed for it: pushes to groups and to all that find no room in its
/// queue are left out, and it is told how many, before the next one that fits.
///
/// Only a session that has a queue can miss something, and such a session is none of those to which a broadcast is handed
/// straight: so that way knows nothing of all this.
extension Session {
    var dealings: GroupDealings {
        if let groupDealings { return groupDealings }
        let dealings = GroupDealings()
        groupDealings = dealings
        return dealings
    }

    /// - Returns: false when the push is left out.
    func hasRoom(for push: PreparedPush, on channel: @autoclosure () -> String) -> Bool {
        let bytes = (pending?.readableBytes ?? 0) + push.frame(form, by: shard.compressor).readableBytes
        guard isOverLimit(bytes: bytes, pushes: pendingPushes + 1) else { return true }
        leaveOut(1, on: channel())
        return false
    }

    func leaveOut(_ pushes: Int, on channel: String) { dealings.missed[channel, default: 0] += pushes }

    var hasMissed: Bool { groupDealings?.missed.isEmpty == false }

    /// Tells what was left out, behind all that is in the queue.
    func tellMissed() {
        guard let missed = groupDealings?.missed, !missed.isEmpty else { return }
        groupDealings?.missed.removeAll()
        for (channel, count) in missed.sorted(by: { $0.key < $1.key }) {
            enqueue(shard.compressor.framed(.missed(channel: channel, count: count), for: form.window))
        }
    }
}

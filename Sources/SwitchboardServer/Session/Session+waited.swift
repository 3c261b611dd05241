import SwitchboardCore
import SwitchboardProtocol

/// Pushes for which a backend waits until the client has received them.
extension Session {
    /// The most that may be open in one session; the oldest is forgotten then, and its backend waits in vain.
    private static let maximumAwaited = 64

    /// A push that the client is asked to confirm.
    func expectAck(_ collector: AckCollector) {
        if awaited.count >= Self.maximumAwaited { awaited.removeFirst() }
        awaited.append(collector)
    }

    /// The client confirms a push.
    func confirmed(_ id: String) {
        guard let index = awaited.firstIndex(where: { $0.push.id.rawValue == id }) else { return }
        shard.note(awaited.remove(at: index))
    }

    /// A raw client has received what has been written to its socket.
    func confirmWritten() {
        guard mode == .raw, !awaited.isEmpty else { return }
        for collector in awaited { shard.note(collector) }
        awaited.removeAll()
    }
}

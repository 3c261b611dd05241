import NIOCore
import SwitchboardProtocol

/// The messages that the node has not acknowledged yet, in the order in which they were given; a struct without I/O.
///
/// After a link was lost all of them are sent again, with the same ids: the node accepts an id once. A token bucket keeps
/// the agent under the node's message rate, also when a full outbox is sent anew.
struct Outbox {
    private struct Entry {
        let id: String
        let frame: ClientFrame
        let bytes: Int
        var isSent = false
    }

    private var entries: [Entry] = []
    private(set) var bytes = 0
    private var tokens: Double
    private var filledAt: NIODeadline?

    let limit: Int
    let bytesLimit: Int
    let rate: Double
    let burst: Int

    /// - Parameters:
    ///   - limit: The most messages that may wait.
    ///   - bytesLimit: The most bytes that they may have together.
    ///   - rate: Messages a second; 0 means no limit.
    ///   - burst: Messages that may leave at once.
    init(limit: Int, bytesLimit: Int, rate: Double = 0, burst: Int = 1) {
        self.limit = limit
        self.bytesLimit = bytesLimit
        self.rate = rate
        self.burst = max(burst, 1)
        self.tokens = Double(max(burst, 1))
    }

    var count: Int { entries.count }

    mutating func add(id: String, payload: Payload) throws(AgentError) {
        try add(id: id, frame: .message(id: id, payload: payload), bytes: payload.bytes.readableBytes)
    }

    /// - Parameters:
    ///   - frame: A message, or what is published to a group; the node acknowledges it by its id.
    ///   - bytes: Those of its payload.
    mutating func add(id: String, frame: ClientFrame, bytes size: Int) throws(AgentError) {
        guard entries.count < limit, bytes + size <= bytesLimit else { throw .outboxFull }
        guard !entries.contains(where: { $0.id == id }) else { throw .duplicateID(id) }
        entries.append(Entry(id: id, frame: frame, bytes: size))
        bytes += size
    }

    /// The message was acknowledged, refused, or given up.
    ///
    /// - Returns: Whether it was waiting.
    @discardableResult
    mutating func remove(id: String) -> Bool {
        guard let index = entries.firstIndex(where: { $0.id == id }) else { return false }
        bytes -= entries[index].bytes
        entries.remove(at: index)
        return true
    }

    mutating func removeAll() -> [String] {
        defer {
            entries.removeAll()
            bytes = 0
        }
        return entries.map(\.id)
    }

    /// The link was lost: everything has to be sent again.
    mutating func rewind() {
        for index in entries.indices { entries[index].isSent = false }
    }

    /// The largest message that was sent and not acknowledged, and its bytes: the one to give up when the node finds a message
    /// too big.
    var largestSent: (id: String, bytes: Int)? {
        entries.filter(\.isSent).max { $0.bytes < $1.bytes }.map { ($0.id, $0.bytes) }
    }

    /// The messages that may leave now, and when the next may, if some have to wait for the rate.
    mutating func due(_ now: NIODeadline) -> (frames: [ClientFrame], next: NIODeadline?) {
        fill(now)
        var frames: [ClientFrame] = []
        for index in entries.indices where !entries[index].isSent {
            if rate > 0 {
                guard tokens >= 1 else { return (frames, now + .seconds((1 - tokens) / rate)) }
                tokens -= 1
            }
            entries[index].isSent = true
            frames.append(entries[index].frame)
        }
        return (frames, nil)
    }

    private mutating func fill(_ now: NIODeadline) {
        if let filledAt { tokens = min(Double(burst), tokens + (now - filledAt).seconds * rate) }
        filledAt = now
    }
}

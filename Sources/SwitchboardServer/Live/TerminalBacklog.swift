import DequeModule

/// The output for one viewer that waits in its operator's socket, and whether some was left out since there was no room for it.
///
/// An agent sends each viewer so much ahead of what it has drawn, and again when it asks; with many viewers that is more than
/// may wait in a socket. So each has a share, what does not fit is left out, and the viewer learns that something is missing
/// when its share is free again: then it asks its agent. A slow operator gets slower output for that, and is not closed.
struct TerminalBacklog {
    /// Bytes that may wait for all viewers of a socket. Each may have one frame in any case.
    static let limit = 384 << 10
    /// Bytes that may wait for one viewer: as much as an agent sends ahead, 128 KB in base 64.
    static let most = 192 << 10

    /// Where the frames end among all that the socket was handed, and their length.
    private var frames: Deque<(end: Int, bytes: Int)> = []
    private(set) var bytes = 0
    /// Where the output ends that was left out.
    private(set) var missed: UInt64?

    var isEmpty: Bool { bytes == 0 }

    /// Whether so many bytes more may wait. Behind a gap nothing may: the viewer could not draw it.
    ///
    /// - Parameters:
    ///   - viewers: How many viewers of the socket something waits for, this one included.
    ///   - total: Bytes that wait for them all.
    func hasRoom(for count: Int, among viewers: Int, total: Int) -> Bool {
        guard missed == nil else { return false }
        let share = min(Self.most, Self.limit / max(viewers, 1))
        return isEmpty || (bytes + count <= share && total + count <= Self.limit)
    }

    /// A frame was handed to the socket.
    mutating func add(_ count: Int, endingAt end: Int) {
        guard count > 0 else { return }
        frames.append((end, count))
        bytes += count
    }

    /// All that the socket was handed up to this place waits no more.
    mutating func written(upTo place: Int) {
        while let first = frames.first, first.end <= place {
            frames.removeFirst()
            bytes -= first.bytes
        }
    }

    /// Output was left out, up to this offset.
    mutating func miss(upTo offset: UInt64) { missed = max(missed ?? 0, offset) }

    /// The viewer knows where its output goes on, or is about to ask.
    ///
    /// - Returns: Where the output ends that was left out.
    mutating func takeMissed() -> UInt64? {
        defer { missed = nil }
        return missed
    }
}

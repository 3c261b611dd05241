/// Gives offsets that rise even when the clock steps back. A struct without I/O.
struct OffsetClock: Sendable {
    private(set) var newest = StreamOffset.zero

    /// - Parameter now: Unix milliseconds.
    mutating func next(now: UInt64) -> StreamOffset {
        newest =
            now > newest.milliseconds
            ? StreamOffset(milliseconds: now, sequence: 0)
            : StreamOffset(milliseconds: newest.milliseconds, sequence: newest.sequence + 1)
        return newest
    }
}

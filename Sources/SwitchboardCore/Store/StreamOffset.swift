/// A place in a mailbox or history: rises with every push, never given twice. Its text is that of a Redis stream id.
public struct StreamOffset: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var milliseconds: UInt64
    public var sequence: UInt64

    public static let zero = StreamOffset(milliseconds: 0, sequence: 0)

    public init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// - Returns: nil unless the text is `MILLISECONDS-SEQUENCE`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = UInt64(plain: parts[0]), let sequence = UInt64(plain: parts[1])
        else {
            return nil
        }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    public var description: String { "\(milliseconds)-\(sequence)" }

    public static func < (left: Self, right: Self) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }
}

/// A place in a channel's history. The epoch is another one when the history was lost and begun anew.
public struct HistoryOffset: Hashable, Sendable, CustomStringConvertible {
    public var epoch: String
    public var offset: StreamOffset

    public init(epoch: String, offset: StreamOffset) {
        self.epoch = epoch
        self.offset = offset
    }

    /// - Returns: nil unless the text is `EPOCH:MILLISECONDS-SEQUENCE`.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex,
            let offset = StreamOffset(text[text.index(after: colon)...])
        else { return nil }
        self.init(epoch: String(text[..<colon]), offset: offset)
    }

    public var description: String { "\(epoch):\(offset)" }
}

extension UInt64 {
    /// Digits only: what `UInt64(_:)` takes beside them, such as a sign, is no offset.
    fileprivate init?(plain text: some StringProtocol) {
        guard let first = text.utf8.first, first != UInt8(ascii: "+") else { return nil }
        self.init(text)
    }
}

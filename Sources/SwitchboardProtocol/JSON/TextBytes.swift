/// A text that is compared and hashed by its bytes.
///
/// Swift compares strings by what they mean in Unicode, for which both are normalised. A long run of combining characters takes
/// time by the square of its length then: whoever may choose 64 KB of a text could hold a processor for seconds. What comes from
/// outside is therefore compared by its bytes, as JSON, HTTP and WebSocket mean it, or only when it is short.
public struct TextBytes: Hashable, Sendable {
    public let text: String

    public init(_ text: String) { self.text = text }

    public static func == (left: Self, right: Self) -> Bool { left.text.hasSameBytes(as: right.text) }

    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension StringProtocol {
    /// Whether both have the same bytes in UTF-8.
    public func hasSameBytes(as other: some StringProtocol) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// As much of it as fits into so many bytes, cut between two characters of Unicode.
    public func prefix(bytes limit: Int) -> String {
        guard utf8.count > limit else { return String(self) }
        var length = limit
        while length > 0, utf8[utf8.index(startIndex, offsetBy: length)] & 0xC0 == 0x80 { length -= 1 }
        return String(self[..<utf8.index(startIndex, offsetBy: length)])
    }
}

import SwitchboardProtocol

/// Passes over text of a known form; whatever does not fit leaves the rest unread.
struct PlainLineReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    /// - Returns: false, and nothing is passed, when something else stands here.
    @inline(__always)
    mutating func passes(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - position >= count else { return false }
        for index in 0..<count where bytes[position + index] != text.utf8Start[index] { return false }
        position += count
        return true
    }

    /// Behind the opening quote: an identifier and its closing quote.
    @inline(__always)
    mutating func name<Name: Identifier>(_: Name.Type) -> Name? {
        var end = position
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") { end += 1 }
        guard end < bytes.count, end - position <= Name.maximumLength else { return nil }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[position..<end]), as: UTF8.self)
        position = end + 1
        // The alphabet has nothing that JSON would have to escape.
        return Name(rawValue: text)
    }

    /// At most 18 digits, without a leading zero (RFC 8259 section 6).
    @inline(__always)
    mutating func number() -> Int? {
        var value = 0
        let start = position
        while position < bytes.count, position - start < 18 {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ Int(digit)
            position += 1
        }
        let count = position - start
        guard count > 0, count == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        return value
    }
}

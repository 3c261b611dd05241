public import NIOCore

/// Reading and writing the text of JSON strings (RFC 8259 section 7).
public enum JSONText {
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The text of a checked string literal, quotes included in `range`. A lone surrogate becomes U+FFFD.
    static func unescaped(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[(range.lowerBound + 1)..<(range.upperBound - 1)])
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        var units: [UInt16] = []
        units.reserveCapacity(inner.count)
        var text = ""
        var index = 0
        while index < inner.count {
            guard inner[index] == UInt8(ascii: "\\"), index + 1 < inner.count else {
                var end = index
                while end < inner.count, inner[end] != UInt8(ascii: "\\") { end += 1 }
                text += String(decoding: inner[index..<end], as: UTF8.self)
                index = end
                continue
            }
            // Escapes are gathered as UTF-16 so that a surrogate pair, written as two escapes, is one character.
            units.removeAll(keepingCapacity: true)
            while index + 1 < inner.count, inner[index] == UInt8(ascii: "\\") {
                let escape = inner[index + 1]
                if escape == UInt8(ascii: "u"), index + 5 < inner.count {
                    var unit: UInt32 = 0
                    for digit in inner[(index + 2)..<(index + 6)] { unit = unit << 4 | (hexadecimal(digit) ?? 0) }
                    units.append(UInt16(truncatingIfNeeded: unit))
                    index += 6
                } else {
                    units.append(UInt16(plain(escape)))
                    index += 2
                }
            }
            text += String(decoding: units, as: UTF16.self)
        }
        return text
    }

    private static func plain(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }
}

extension ByteBuffer {
    /// Writes a number in decimal, without making a `String` of it.
    public mutating func writeDecimal(_ number: Int) {
        if number < 0 { writeInteger(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { digits in
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            writeBytes(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// Writes `text` as a JSON string literal, quotes included.
    public mutating func writeJSONString(_ text: String) {
        writeInteger(UInt8(ascii: "\""))
        var copy = text
        copy.withUTF8 { writeJSONEscaped(UnsafeRawBufferPointer($0)) }
        writeInteger(UInt8(ascii: "\""))
    }

    /// Writes UTF-8 text as a JSON string literal, quotes included.
    public mutating func writeJSONString(utf8 text: ByteBuffer) {
        writeInteger(UInt8(ascii: "\""))
        text.withUnsafeReadableBytes { writeJSONEscaped($0) }
        writeInteger(UInt8(ascii: "\""))
    }

    private mutating func writeJSONEscaped(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            writeBytes(bytes[start..<index])
            start = index + 1
            writeInteger(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): writeInteger(byte)
            case 0x0A: writeInteger(UInt8(ascii: "n"))
            case 0x0D: writeInteger(UInt8(ascii: "r"))
            case 0x09: writeInteger(UInt8(ascii: "t"))
            default:
                let digits: StaticString = "0123456789abcdef"
                writeStaticString("u00")
                writeInteger(digits.utf8Start[Int(byte >> 4)])
                writeInteger(digits.utf8Start[Int(byte & 15)])
            }
        }
        writeBytes(bytes[start...])
    }
}

extension ByteBuffer {
    /// JSON text without the white space before and behind it: the bytes that a reader takes for the value.
    public var withoutSpaceAround: ByteBuffer {
        let isSpace: (UInt8) -> Bool = { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
        let view = readableBytesView
        guard let first = view.firstIndex(where: { !isSpace($0) }), let last = view.lastIndex(where: { !isSpace($0) })
        else { return ByteBuffer() }
        return getSlice(at: first, length: last - first + 1) ?? self
    }

    /// JSON text without its line breaks: outside of strings they are white space, and inside there are none (RFC 8259 section 7).
    public var jsonOnOneLine: ByteBuffer {
        let isBreak: (UInt8) -> Bool = { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        guard readableBytesView.contains(where: isBreak) else { return self }
        return ByteBuffer(bytes: readableBytesView.lazy.map { isBreak($0) ? UInt8(ascii: " ") : $0 })
    }
}

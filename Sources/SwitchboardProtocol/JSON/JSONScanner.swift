/// Checks JSON text (RFC 8259) and finds where its values stand, without building them.
///
/// Payloads must reach their receivers byte for byte; a decoder that builds values and writes them anew would change number
/// spellings, escapes and member order. So the scanner only says where a value begins and ends.
struct JSONScanner {
    /// How deep arrays and objects may be nested; a bound on the recursion, not a taste.
    static let maximumDepth = 128

    let bytes: UnsafeRawBufferPointer
    var position: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    func failure(_ message: StaticString) -> JSONError { JSONError(message: "\(message)", offset: position) }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    mutating func expect(_ byte: UInt8, _ message: StaticString) throws(JSONError) {
        guard current == byte else { throw failure(message) }
        position += 1
    }

    /// Passes over one value and returns what it is and where it stands.
    mutating func value(depth: Int = 0) throws(JSONError) -> JSONSlice {
        guard depth < Self.maximumDepth else { throw JSONError(message: JSONError.tooDeep, offset: position) }
        let start = position
        let kind: JSONSlice.Kind
        guard let first = current else { throw failure("a value is expected") }
        switch first {
        case UInt8(ascii: "\""):
            try string()
            kind = .string
        case UInt8(ascii: "{"):
            position += 1
            try members(depth: depth, { _, _ in })
            kind = .object
        case UInt8(ascii: "["):
            position += 1
            try elements(depth: depth, { _ in })
            kind = .array
        case UInt8(ascii: "t"):
            try word("true")
            kind = .boolean
        case UInt8(ascii: "f"):
            try word("false")
            kind = .boolean
        case UInt8(ascii: "n"):
            try word("null")
            kind = .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try number()
            kind = .number
        default: throw failure("a value is expected")
        }
        return JSONSlice(kind: kind, range: start..<position)
    }

    /// Behind a `{`: passes over the members up to and including the `}`.
    mutating func members(
        depth: Int, _ each: (Range<Int>, JSONSlice) throws(JSONError) -> Void
    ) throws(JSONError) {
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            skipSpace()
            let start = position
            guard current == UInt8(ascii: "\"") else { throw failure("a member name is expected") }
            try string()
            let name = start..<position
            skipSpace()
            try expect(UInt8(ascii: ":"), "a colon is expected")
            skipSpace()
            try each(name, try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "}"), "a comma or a closing brace is expected")
            return
        }
    }

    /// Behind a `[`: passes over the elements up to and including the `]`.
    mutating func elements(depth: Int, _ each: (JSONSlice) -> Void) throws(JSONError) {
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            skipSpace()
            each(try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "]"), "a comma or a closing bracket is expected")
            return
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { throw failure("a value is expected") }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
            throw failure("a value is expected")
        }
        position = end
    }

    private mutating func string() throws(JSONError) {
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                position += 1
                try escape()
            case 0x00..<0x20: throw failure("a control character in a string must be escaped")
            default: position += 1
            }
        }
        throw failure("the string does not end")
    }

    private mutating func escape() throws(JSONError) {
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard let digit = current, JSONText.hexadecimal(digit) != nil else {
                    throw failure("four hexadecimal digits are expected")
                }
                position += 1
            }
        default: throw failure("unknown escape")
        }
    }

    private mutating func number() throws(JSONError) {
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > start else { throw failure("a digit is expected") }
    }
}

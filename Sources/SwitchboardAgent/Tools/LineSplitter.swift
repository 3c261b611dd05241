/// Cuts bytes into lines; a line may come in several pieces, and one that is too long is handed over in pieces.
struct LineSplitter {
    private var rest: [UInt8] = []
    let limit: Int

    /// - Parameter limit: The longest line in bytes.
    init(limit: Int) {
        self.limit = max(limit, 4)
    }

    /// - Returns: The lines that are whole now, without their ends (`\n` or `\r\n`); empty ones are left out.
    mutating func feed(_ bytes: ArraySlice<UInt8>) -> [String] {
        var lines: [String] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            append(bytes[start..<end], to: &lines)
            if let line = finish() { lines.append(line) }
            start = end + 1
        }
        append(bytes[start...], to: &lines)
        return lines
    }

    /// - Returns: The last line, if it has no end.
    mutating func finish() -> String? {
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        defer { rest.removeAll(keepingCapacity: true) }
        return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>, to lines: inout [String]) {
        rest += bytes
        while rest.count > limit {
            let end = characterBoundary(before: limit)
            lines.append(String(decoding: rest[..<end], as: UTF8.self))
            rest.removeFirst(end)
        }
    }

    /// Not within a UTF-8 sequence: its later bytes are 10xxxxxx, at most three.
    private func characterBoundary(before limit: Int) -> Int {
        (0...3).map { limit - $0 }.first { rest[$0] & 0xC0 != 0x80 } ?? limit
    }
}

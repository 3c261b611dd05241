/// Cuts bytes into lines; a line may come in several pieces, and one that is too long is handed over in pieces.
struct LineSplitter {
    private var rest: [UInt8] = []
    private var isCut = false
    let limit: Int
    private let cuts: Bool

    /// - Parameters:
    ///   - limit: The longest line in bytes.
    ///   - cuts: What is beyond it is left out, and an ellipsis stands for it.
    init(limit: Int, cuts: Bool = false) {
        self.limit = max(limit, 4)
        self.cuts = cuts
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
        if isCut {
            rest += "\u{2026}".utf8
        } else if rest.last == UInt8(ascii: "\r") {
            rest.removeLast()
        }
        isCut = false
        defer { rest.removeAll(keepingCapacity: true) }
        return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>, to lines: inout [String]) {
        guard !isCut else { return }
        rest += bytes
        if cuts, rest.count > limit + 1 || rest.count == limit + 1 && rest.last != UInt8(ascii: "\r") {
            rest.removeSubrange(characterBoundary(before: limit)...)
            isCut = true
        }
        while !cuts, rest.count > limit {
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

import NIOCore

/// Cuts a stream of bytes into lines, holding no more than one that is not whole.
struct LineSplitter {
    /// The longest line in bytes.
    let limit: Int
    private var rest = ByteBuffer()
    /// Bytes of `rest` that are known to hold no end of a line.
    private var searched = 0

    init(limit: Int) { self.limit = limit }

    /// A line is longer than the limit: what follows cannot be told apart any more.
    struct TooLong: Error {}

    mutating func append(_ bytes: ByteBuffer) {
        guard rest.readableBytes > 0 else {
            rest = bytes
            return
        }
        // What has been taken must not stay in the storage, to which lines that are under way may still refer.
        if rest.readerIndex > 0 { rest = ByteBuffer(bytes: rest.readableBytesView) }
        rest.writeImmutableBuffer(bytes)
    }

    /// - Returns: The next line without its end, blank ones left out; nil when it is not whole yet.
    mutating func next() throws(TooLong) -> ByteBuffer? {
        while true {
            let unknown = rest.readableBytesView.dropFirst(searched)
            guard let end = unknown.firstIndex(of: UInt8(ascii: "\n")) else {
                searched = rest.readableBytes
                guard searched <= limit else { throw TooLong() }
                return nil
            }
            let length = end - rest.readerIndex
            searched = 0
            guard let line = rest.readSlice(length: length) else { return nil }
            rest.moveReaderIndex(forwardBy: 1)
            if let line = try trimmed(line) { return line }
        }
    }

    /// The last line, which needs no end; nil when there is none.
    mutating func last() throws(TooLong) -> ByteBuffer? {
        defer { rest = ByteBuffer() }
        return try trimmed(rest)
    }

    private func trimmed(_ line: ByteBuffer) throws(TooLong) -> ByteBuffer? {
        guard line.readableBytes <= limit else { throw TooLong() }
        var line = line
        if line.readableBytesView.last == UInt8(ascii: "\r") {
            line = line.getSlice(at: line.readerIndex, length: line.readableBytes - 1) ?? line
        }
        let isBlank = line.readableBytesView.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return isBlank ? nil : line
    }
}

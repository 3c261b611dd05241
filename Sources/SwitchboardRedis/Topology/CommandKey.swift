import NIOCore

/// The key or channel that says on which slot a command has to run, read from the command itself: so whoever writes commands
/// need not know of Redis Cluster.
enum CommandKey {
    /// - Parameter command: One command as RESP, in pieces.
    /// - Returns: nil when the command has no key, such as `TIME`.
    static func slot(of command: [ByteBuffer]) -> Int? {
        var reader = Reader(pieces: command)
        guard let count = reader.header("*"), let name = reader.argument() else { return nil }
        switch String(buffer: name) {
        case "TIME", "ROLE", "PING", "WAIT", "SCRIPT", "CLIENT", "CLUSTER", "INFO": return nil
        case "EVALSHA", "EVAL":
            guard count > 3, reader.skipArgument(), let keys = reader.argument(), String(buffer: keys) != "0" else {
                return nil
            }
        case "XGROUP", "XINFO", "OBJECT", "MEMORY":
            guard reader.skipArgument() else { return nil }
        case "XREADGROUP", "XREAD":
            while let word = reader.argument() { if String(buffer: word) == "STREAMS" { break } }
        default: break
        }
        return reader.argument().map { KeySlot.of($0.readableBytesView) }
    }

    /// Reads arguments that are each whole within one piece.
    private struct Reader {
        private var pieces: ArraySlice<ByteBuffer>
        private var piece = ByteBuffer()

        init(pieces: [ByteBuffer]) { self.pieces = pieces[...] }

        /// A mark, a number, the end of the line.
        mutating func header(_ mark: Character) -> Int? {
            fill()
            guard let end = piece.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
                let line = piece.readString(length: end - piece.readerIndex + 1), line.first == mark
            else { return nil }
            return Int(line.dropFirst().dropLast())
        }

        mutating func argument() -> ByteBuffer? {
            guard let length = header("$"), length >= 0 else { return nil }
            fill()
            guard let argument = piece.readSlice(length: length) else { return nil }
            skip(2)
            return argument
        }

        mutating func skipArgument() -> Bool { argument() != nil }

        private mutating func fill() {
            while piece.readableBytes == 0, let next = pieces.popFirst() { piece = next }
        }

        private mutating func skip(_ count: Int) {
            fill()
            piece.moveReaderIndex(forwardBy: min(count, piece.readableBytes))
        }
    }
}

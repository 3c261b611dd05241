package import FoundationEssentials
package import NIOCore
import SwitchboardProtocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a terminal showed, in a file (asciicast v2): a header, and a line for each piece of output, each new size and each
/// viewer. What is typed is in it only as far as the terminal shows it.
package final class TerminalRecording: Sendable {
    package struct Failed: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private struct State {
        /// nil once it is closed, or has failed.
        var file: CInt?
        var bytes = 0
        /// The beginning of a character whose rest has not come yet.
        var tail = ByteBuffer()
    }

    /// The largest recording in bytes; then it fails.
    package static let limit = 256 << 20

    let path: String
    private let began = NIODeadline.now()
    private let limit: Int
    private let state: Mutex<State>

    /// Makes the file in a folder, and that if there is none.
    convenience init(
        folder: String, terminal: String, command: [String], columns: Int, rows: Int, now: Date = Date(),
        limit: Int = TerminalRecording.limit
    ) throws(Failed) {
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw Self.failed(folder, errno) }
        let time = now.formatted(
            Date.ISO8601FormatStyle(
                dateSeparator: .omitted, timeSeparator: .omitted, includingFractionalSeconds: true))
        try self.init(
            path: "\(folder)/\(time)-\(terminal).cast", title: terminal, command: command.joined(separator: " "),
            columns: columns, rows: rows, now: now, limit: limit)
    }

    /// Makes the file, which must not be there.
    ///
    /// - Parameter command: What runs in the terminal; nil when that is not known.
    package init(
        path: String, title: String, command: String?, columns: Int, rows: Int, now: Date = Date(),
        limit: Int = TerminalRecording.limit
    ) throws(Failed) {
        // Nobody else's file, and no link that leads to one.
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failed(path, errno) }
        self.path = path
        self.limit = limit
        state = Mutex(State(file: file))
        var line = JSONObjectWriter.document { json in
            json.integer("version", 2)
            json.integer("width", columns)
            json.integer("height", rows)
            json.integer("timestamp", Int(now.timeIntervalSince1970))
            if let command { json.string("command", command) }
            json.string("title", title)
            json.strings("env", ["TERM": "xterm-256color"])
        }
        line.writeString("\n")
        let header = line
        guard state.withLock({ Self.write(header, &$0, limit) }) else { throw Self.failed(path, errno) }
    }

    /// - Returns: False when it cannot be recorded any more.
    package func output(_ bytes: ByteBuffer) -> Bool {
        state.withLock { state in
            var text = state.tail
            text.writeImmutableBuffer(bytes)
            let rest = Self.unfinished(text.readableBytesView)
            state.tail = text.getSlice(at: text.writerIndex - rest, length: rest) ?? ByteBuffer()
            text = text.getSlice(at: text.readerIndex, length: text.readableBytes - rest) ?? ByteBuffer()
            return text.readableBytes == 0 || note("o", String(buffer: text), &state)
        }
    }

    package func resized(columns: Int, rows: Int) {
        _ = state.withLock { note("r", "\(columns)x\(rows)", &$0) }
    }

    /// Somebody came or went, or the terminal ended.
    func mark(_ text: String) {
        _ = state.withLock { note("m", text, &$0) }
    }

    package func end() {
        state.withLock { state in
            if let file = state.file { close(file) }
            state.file = nil
        }
    }

    private func note(_ kind: String, _ text: String, _ state: inout State) -> Bool {
        let micros = (NIODeadline.now() - began).nanoseconds / 1000
        let digits = String(micros % 1_000_000)
        let fraction = String(repeating: "0", count: 6 - digits.utf8.count) + digits
        var line = ByteBuffer(string: "[\(micros / 1_000_000).\(fraction),\"\(kind)\",")
        line.writeJSONString(text)
        line.writeString("]\n")
        return Self.write(line, &state, limit)
    }

    private static func write(_ line: ByteBuffer, _ state: inout State, _ limit: Int) -> Bool {
        guard let file = state.file else { return false }
        state.bytes += line.readableBytes
        if state.bytes <= limit, line.write(toDescriptor: file) { return true }
        close(file)
        state.file = nil
        return false
    }

    /// How many bytes at the end begin a character (RFC 3629) without ending it.
    static func unfinished(_ bytes: ByteBufferView) -> Int {
        for (count, byte) in bytes.suffix(3).reversed().enumerated() {
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : byte >= 0x80 ? 0 : 1
            if length != 0 { return length > count + 1 ? count + 1 : 0 }
        }
        return 0
    }

    private static func failed(_ path: String, _ code: CInt) -> Failed {
        Failed(description: "\(path) cannot be written: \(String(cString: strerror(code)))")
    }
}

import NIOCore
package import SwitchboardProtocol

/// Gathers lines into payloads for a stream that people read live: one at most every ``interval``, or when enough has come. What
/// the link does not take in time waits, up to a limit; beyond it the oldest lines are left out, and the next payload says how
/// many. A struct without I/O; times are monotonic milliseconds.
///
/// A payload is `{"lines":[{"at":MILLISECONDS,"text":TEXT},...],"source":CLIENT}`, with `"skipped":n` when lines are missing.
package struct LineBatcher: Sendable {
    private struct Line {
        let json: ByteBuffer
        var bytes: Int { json.readableBytes }
    }

    /// Milliseconds between two payloads that are not full.
    package let interval: UInt64
    /// Bytes of lines, as they are written in JSON, that do not wait for it.
    package let batchBytes: Int
    /// The most bytes of lines in one payload, unless a single one has more: what has to wait for the link leaves in fewer, larger
    /// payloads.
    package let payloadBytes: Int
    /// Bytes of lines that may wait.
    package let backlogBytes: Int

    private var lines: [Line] = []
    /// The place of the oldest that waits: those before it have left.
    private var start = 0
    private var bytes = 0
    private var skipped = 0
    private var lastAt: UInt64?
    /// What was taken last.
    private var last: (lines: [Line], bytes: Int, skipped: Int) = ([], 0, 0)

    package init(
        interval: UInt64 = 100, batchBytes: Int = 16 << 10, payloadBytes: Int = 48 << 10, backlogBytes: Int = 4 << 20
    ) {
        self.interval = interval
        self.batchBytes = batchBytes
        self.payloadBytes = payloadBytes
        self.backlogBytes = backlogBytes
    }

    /// Bytes of lines that wait.
    package var waitingBytes: Int { bytes }

    /// - Parameter at: Unix milliseconds at which the line came.
    package mutating func add(_ text: String, at: UInt64) {
        let line = Line(
            json: JSONObjectWriter.document { json in
                json.integer("at", Int(clamping: at))
                json.string("text", text)
            })
        lines.append(line)
        bytes += line.bytes
        while bytes > backlogBytes, start < lines.count - 1 { dropFirst() }
        compact()
    }

    /// Lines that were taken, or told as left out, and nobody has heard of them.
    package mutating func lost(_ count: Int) { skipped += count }

    /// What was taken last cannot leave now: it waits again, before all that came meanwhile.
    package mutating func putBack() {
        lines.replaceSubrange(0..<start, with: last.lines)
        start = 0
        bytes += last.bytes
        skipped += last.skipped
        last = ([], 0, 0)
        while bytes > backlogBytes, start < lines.count - 1 { dropFirst() }
    }

    private mutating func dropFirst() {
        bytes -= lines[start].bytes
        start += 1
        skipped += 1
    }

    private mutating func compact() {
        guard start > 1024, start > lines.count / 2 else { return }
        lines.removeFirst(start)
        start = 0
    }

    /// Monotonic milliseconds at which a payload is due; nil when there is nothing to tell.
    package func dueAt(now: UInt64) -> UInt64? {
        guard start < lines.count else { return nil }
        guard bytes < batchBytes, let lastAt else { return now }
        return max(now, lastAt + interval)
    }

    /// The next payload, when it is due.
    ///
    /// - Parameter source: The client's id.
    /// - Returns: It, how many lines it has, and how many it says were left out.
    package mutating func take(now: UInt64, source: String) -> (payload: Payload, lines: Int, skipped: Int)? {
        guard let due = dueAt(now: now), due <= now else { return nil }
        lastAt = now
        var size = 0
        let first = start
        while start < lines.count, start == first || size + lines[start].bytes <= payloadBytes {
            size += lines[start].bytes
            start += 1
        }
        bytes -= size
        let taken = lines[first..<start]
        let body = JSONObjectWriter.document { json in
            json.verbatim("lines", Self.list(taken, bytes: size))
            json.string("source", source)
            if skipped > 0 { json.integer("skipped", skipped) }
        }
        last = (Array(taken), size, skipped)
        skipped = 0
        if start == lines.count {
            lines.removeAll(keepingCapacity: true)
            start = 0
        }
        compact()
        return (Payload(format: .json, bytes: body), last.lines.count, last.skipped)
    }

    private static func list(_ lines: ArraySlice<Line>, bytes: Int) -> ByteBuffer {
        var list = ByteBuffer()
        list.reserveCapacity(bytes + lines.count + 2)
        list.writeInteger(UInt8(ascii: "["))
        for (index, line) in lines.enumerated() {
            if index > 0 { list.writeInteger(UInt8(ascii: ",")) }
            list.writeImmutableBuffer(line.json)
        }
        list.writeInteger(UInt8(ascii: "]"))
        return list
    }
}

package import NIOCore

/// Reads server-sent events (WHATWG HTML, section 9.2) as they arrive, however they are cut.
package struct EventStreamParser {
    package struct Event: Hashable, Sendable {
        /// `message` unless the stream names it.
        package var name: String
        package var data: String

        package init(name: String, data: String) {
            self.name = name
            self.data = data
        }
    }

    /// A line, or the data of an event, is longer than the limit.
    package struct TooLong: Error, CustomStringConvertible {
        package let limit: Int
        package var description: String { "an event has more than \(limit) bytes" }
    }

    private let limit: Int
    private var line: [UInt8] = []
    private var endedWithReturn = false
    private var name = ""
    private var data: String?

    /// - Parameter limit: The most bytes that an event may have.
    package init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: The events that are whole now.
    package mutating func feed(_ bytes: ByteBuffer) throws(TooLong) -> [Event] {
        var events: [Event] = []
        for byte in bytes.readableBytesView {
            let isSecondHalf = endedWithReturn && byte == UInt8(ascii: "\n")
            endedWithReturn = byte == UInt8(ascii: "\r")
            if isSecondHalf { continue }
            if byte == UInt8(ascii: "\n") || endedWithReturn {
                if let event = endLine() { events.append(event) }
            } else {
                line.append(byte)
            }
            guard line.count + (data?.utf8.count ?? 0) <= limit else { throw TooLong(limit: limit) }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer {
                name = ""
                data = nil
            }
            return data.map { Event(name: name.isEmpty ? "message" : name, data: $0) }
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self) {
        case "event": name = text
        case "data": data = data.map { $0 + "\n" + text } ?? text
        default: break  // a comment, or a field that is of no use here
        }
        return nil
    }
}

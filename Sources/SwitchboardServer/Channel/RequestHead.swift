#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The request line and header lines, with the empty line that ends them.
enum RequestHead {
    /// Of the target and of each header; of all together twice as many.
    static let maximumHeaderBytes = 16 * 1024

    static let opening: StaticString = "POST /v1/"

    static let socket: StaticString = "GET /ws"

    static let operatorSocket: StaticString = "GET /v1/live"

    /// Whether this may be a request for a WebSocket; true as well while the bytes are only a beginning of one.
    static func beginsForSocket(_ bytes: UnsafeRawBufferPointer) -> Bool {
        begins(bytes, with: socket) || begins(bytes, with: operatorSocket)
    }

    /// True as well while the bytes are only a beginning of `text`.
    static func begins(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        return memcmp(base, text.utf8Start, min(bytes.count, text.utf8CodeUnitCount)) == 0
    }

    static func find(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard bytes.count > opening.utf8CodeUnitCount, begins(bytes, with: opening), let end = end(in: bytes) else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<end])
    }

    /// False when a line of an unfinished head ends otherwise than by CR LF: such a head might never end.
    static func hasWholeLineEnds(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for index in bytes.indices {
            if bytes[index] == 0x0A, index == 0 || bytes[index - 1] != 0x0D { return false }
            if bytes[index] == 0x0D, index + 1 < bytes.count, bytes[index + 1] != 0x0A { return false }
        }
        return true
    }

    /// Whether a line of the head is `Upgrade: websocket`, or names it among others.
    static func asksForWebSocket(_ head: UnsafeRawBufferPointer) -> Bool {
        let name: StaticString = "\nupgrade:"
        var start = 0
        while let line = find(name, in: head, from: start) {
            let value = head[(line + name.utf8CodeUnitCount)...].prefix { $0 != 0x0D }
            if find("websocket", in: UnsafeRawBufferPointer(rebasing: value), from: 0) != nil { return true }
            start = line + 1
        }
        return false
    }

    /// Whether a target may have the option `dryRun`.
    static func mentionsDryRun(_ target: Slice<UnsafeRawBufferPointer>) -> Bool {
        find("dryrun", in: UnsafeRawBufferPointer(rebasing: target), from: 0) != nil
    }

    /// Where `text`, which is in lower case, stands first, in whatever case.
    private static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let length = text.utf8CodeUnitCount
        var index = start
        while index + length <= bytes.count {
            var matched = 0
            while matched < length {
                let byte = bytes[index + matched]
                let folded = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
                guard folded == text.utf8Start[matched] else { break }
                matched += 1
            }
            if matched == length { return index }
            index += 1
        }
        return nil
    }

    /// Where the head ends, behind the empty line.
    static func end(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let window = min(bytes.count, PushRequestParser.maximumHeadBytes)
        var start = 0
        while start + 4 <= window, let found = memchr(base + start, 0x0D, window - start - 3) {
            let end = UnsafeRawPointer(found) - base
            if memcmp(found, "\r\n\r\n", 4) == 0 { return end + 4 }
            start = end + 1
        }
        return nil
    }
}

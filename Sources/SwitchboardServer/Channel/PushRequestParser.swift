import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Recognises the push requests that nearly every client sends, in the bytes of a connection.
///
/// It understands less than HTTP allows, on purpose: one spelling of each thing it needs to know. Whatever looks different in
/// any way (another method or route, chunked bodies, `Expect`, escapes in the path, odd line ends, a repeated header that
/// matters) is `other` and goes to the real HTTP parser. So a request is never framed in two ways, and every refusal of
/// broken HTTP is the parser's.
struct PushRequestParser {
    enum Result {
        /// The beginning of a push request; that many bytes at least are needed in all.
        case incomplete(needed: Int)
        case other
        /// Too few bytes to tell what it is.
        case undecided
        case request(Request)
    }

    struct Request {
        let push: PushRequest
        let requestID: String?
        /// The client closes after this one.
        let isLast: Bool
        /// The length of the request in bytes.
        let length: Int
    }

    /// The longest head in bytes.
    static let maximumHeadBytes = 8 * 1024

    let bodyLimit: Int

    func parse(_ buffer: ByteBuffer) -> Result {
        buffer.withUnsafeReadableBytes { bytes in
            guard let head = Head.find(in: bytes) else {
                if Head.begins(bytes, with: Head.opening) {
                    return bytes.count < Self.maximumHeadBytes && Head.hasWholeLineEnds(bytes)
                        ? .incomplete(needed: bytes.count + 1) : .other
                }
                return Head.begins(bytes, with: Head.socket) && Head.end(in: bytes) == nil
                    && Head.hasWholeLineEnds(bytes)
                    && bytes.count < Self.maximumHeadBytes ? .undecided : .other
            }
            guard let fields = Fields(head) else { return .other }
            guard bodyLimit == 0 || fields.contentLength <= bodyLimit else { return .other }
            let length = head.count + fields.contentLength
            guard bytes.count >= length else { return .incomplete(needed: length) }
            guard let body = buffer.getSlice(at: buffer.readerIndex + head.count, length: fields.contentLength) else {
                return .other
            }
            return .request(
                Request(push: fields.push(body), requestID: fields.requestID, isLast: fields.isLast, length: length))
        }
    }
}

extension PushRequestParser {
    /// Whether the request asks for `/ws` and for an upgrade to WebSocket: the only one that can upgrade.
    func isSocketRequest(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            guard Head.begins(bytes, with: Head.socket), let end = Head.end(in: bytes) else { return false }
            return Head.asksForWebSocket(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
    }
}

/// The request line and header lines, with the empty line that ends them.
private enum Head {
    static let opening: StaticString = "POST /v1/"

    static let socket: StaticString = "GET /ws"

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

/// What the head says, as far as it matters here.
private struct Fields {
    let route: PushRoute
    let query: String
    private(set) var contentLength = 0
    private(set) var isLast = false
    private(set) var requestID: String?
    private var contentType: String?
    private var prefer: String?
    private var hasIdempotencyKey = false
    private var hasAuthorization = false

    func push(_ body: ByteBuffer) -> PushRequest {
        PushRequest(
            route: route, query: query, contentType: contentType, prefer: prefer, hasIdempotencyKey: hasIdempotencyKey,
            hasAuthorization: hasAuthorization, body: body)
    }

    /// - Returns: nil when the real parser has to decide.
    init?(_ head: UnsafeRawBufferPointer) {
        guard let lineEnd = head.firstIndex(of: UInt8(ascii: "\r")), head[lineEnd + 1] == UInt8(ascii: "\n"),
            let target = Fields.target(UnsafeRawBufferPointer(rebasing: head[..<lineEnd]))
        else { return nil }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        guard let route = PushRoute(path: UnsafeRawBufferPointer(rebasing: path)) else { return nil }
        self.route = route
        query = path.count < target.count ? String(decoding: target.dropFirst(path.count + 1), as: UTF8.self) : ""
        guard readLines(UnsafeRawBufferPointer(rebasing: head[(lineEnd + 2)..<(head.count - 2)])) else { return nil }
    }

    /// The target of `POST TARGET HTTP/1.1`.
    private static func target(_ line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        let version: StaticString = " HTTP/1.1"
        let end = line.count - version.utf8CodeUnitCount
        guard end > 5, let base = line.baseAddress,
            memcmp(base + end, version.utf8Start, version.utf8CodeUnitCount) == 0
        else { return nil }
        let target = line[5..<end]
        for byte in target {
            switch byte {
            case 0x00...0x20, 0x7F..., UInt8(ascii: "%"), UInt8(ascii: "#"), UInt8(ascii: "+"): return nil
            default: break
            }
        }
        return target
    }

    /// - Returns: false when there is anything in the lines that the real parser should see.
    private mutating func readLines(_ lines: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        var hasLength = false
        var hasHost = false
        while start < lines.count {
            var end = start
            var colon = -1
            while end < lines.count, lines[end] != 0x0D {
                let byte = lines[end]
                if byte == UInt8(ascii: ":"), colon < 0 { colon = end }
                if byte < 0x20 && byte != 0x09 || byte == 0x7F { return false }
                if colon < 0, !Fields.isNameCharacter(byte) { return false }
                end += 1
            }
            guard colon > start, end + 1 < lines.count, lines[end + 1] == 0x0A else { return false }
            let name = UnsafeRawBufferPointer(rebasing: lines[start..<colon])
            let value = Fields.trimmed(lines, colon + 1, end)
            switch Name(name) {
            case .contentLength:
                guard !hasLength, let length = Fields.number(value) else { return false }
                hasLength = true
                contentLength = length
            case .framing: return false
            case .host:
                guard !hasHost else { return false }
                hasHost = true
            case .connection:
                switch String(decoding: value, as: UTF8.self).lowercased() {
                case "close": isLast = true
                case "keep-alive": break
                default: return false
                }
            case .contentType:
                guard contentType == nil else { return false }
                contentType = String(decoding: value, as: UTF8.self)
            case .prefer:
                guard prefer == nil else { return false }
                prefer = String(decoding: value, as: UTF8.self)
            case .idempotencyKey: hasIdempotencyKey = true
            case .authorization: hasAuthorization = true
            case .requestID: requestID = RequestID.accepted(String(decoding: value, as: UTF8.self))
            case .other: break
            }
            start = end + 2
        }
        return hasLength && hasHost
    }

    /// RFC 9110 section 5.6.2.
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Slice<
        UnsafeRawBufferPointer
    > {
        var start = start
        var end = end
        // A tab behind a value is what the real parser refuses in a length.
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 { end -= 1 }
        return bytes[start..<end]
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard !digits.isEmpty, digits.count <= 12 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private enum Name {
        case contentLength, host, connection, contentType, prefer, idempotencyKey, authorization, requestID
        /// It changes how the request is framed or answered.
        case framing
        case other

        init(_ name: UnsafeRawBufferPointer) {
            func matches(_ known: StaticString) -> Bool {
                for index in 0..<name.count where name[index] | 0x20 != known.utf8Start[index] { return false }
                return true
            }
            self = .other
            switch name.count {
            case 4: if matches("host") { self = .host }
            case 6: if matches("expect") { self = .framing } else if matches("prefer") { self = .prefer }
            case 7: if matches("upgrade") { self = .framing }
            case 10: if matches("connection") { self = .connection }
            case 12:
                if matches("content-type") { self = .contentType } else if matches("x-request-id") { self = .requestID }
            case 13: if matches("authorization") { self = .authorization }
            case 14: if matches("content-length") { self = .contentLength }
            case 15: if matches("idempotency-key") { self = .idempotencyKey }
            case 16: if matches("content-encoding") { self = .framing }
            case 17: if matches("transfer-encoding") { self = .framing }
            default: break
            }
        }
    }
}

extension PushRoute {
    /// - Parameter path: Plain characters, without the query.
    fileprivate init?(path: UnsafeRawBufferPointer) {
        if PushRoute.equal(path, "/v1/push") {
            self = .push
        } else if PushRoute.equal(path, "/v1/broadcast") {
            self = .broadcast
        } else if let id = PushRoute.between("/v1/clients/", "/push", path) {
            self = .client(id)
        } else if let name = PushRoute.between("/v1/groups/", "/push", path) {
            self = .group(name)
        } else {
            return nil
        }
    }

    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
        return memcmp(base, text.utf8Start, bytes.count) == 0
    }

    private static func between(
        _ prefix: StaticString, _ suffix: StaticString, _ path: UnsafeRawBufferPointer
    ) -> String? {
        let start = prefix.utf8CodeUnitCount
        let end = path.count - suffix.utf8CodeUnitCount
        guard end > start, let base = path.baseAddress, memcmp(base, prefix.utf8Start, start) == 0,
            memcmp(base + end, suffix.utf8Start, suffix.utf8CodeUnitCount) == 0
        else { return nil }
        let name = path[start..<end]
        return name.contains(UInt8(ascii: "/")) ? nil : String(decoding: name, as: UTF8.self)
    }
}

import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the head says, as far as it matters here.
struct PushRequestFields {
    let route: PushRoute
    let query: String
    private(set) var contentLength = 0
    private(set) var isLast = false
    private(set) var requestID: String?
    private var contentType: String?
    /// Where in the head the value of `Authorization` is.
    private(set) var authorization: Range<Int>?
    private var rare: Rare?

    /// Headers that few pushes have, apart, so that the many without are small to copy.
    private final class Rare {
        var prefer: String?
        var idempotencyKey: String?
        var trace = TraceHeaders()
    }

    func push(_ body: ByteBuffer) -> PushRequest {
        PushRequest(
            route: route, query: query, contentType: contentType,
            rarities: rare.map { PushRequest.Rarities($0.prefer, $0.idempotencyKey, $0.trace.context) }, body: body)
    }

    /// - Returns: nil when the real parser has to decide.
    init?(_ head: UnsafeRawBufferPointer) {
        guard let lineEnd = head.firstIndex(of: UInt8(ascii: "\r")), head[lineEnd + 1] == UInt8(ascii: "\n"),
            let target = PushRequestFields.target(UnsafeRawBufferPointer(rebasing: head[..<lineEnd]))
        else { return nil }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        guard let route = PushRoute(path: UnsafeRawBufferPointer(rebasing: path)) else { return nil }
        self.route = route
        query = path.count < target.count ? String(decoding: target.dropFirst(path.count + 1), as: UTF8.self) : ""
        // Nothing is pushed then, and nobody is in a hurry.
        guard path.count == target.count || !RequestHead.mentionsDryRun(target) else { return nil }
        let lines = (lineEnd + 2)..<(head.count - 2)
        guard readLines(UnsafeRawBufferPointer(rebasing: head[lines]), at: lines.lowerBound) else { return nil }
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

    /// - Parameter offset: Where in the head the lines begin.
    /// - Returns: false when there is anything in the lines that the real parser should see.
    private mutating func readLines(_ lines: UnsafeRawBufferPointer, at offset: Int) -> Bool {
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
                if colon < 0, !PushRequestFields.isNameCharacter(byte) { return false }
                end += 1
            }
            guard colon > start, end + 1 < lines.count, lines[end + 1] == 0x0A else { return false }
            let name = UnsafeRawBufferPointer(rebasing: lines[start..<colon])
            let value = PushRequestFields.trimmed(lines, colon + 1, end)
            switch Name(name) {
            case .contentLength:
                // The real parser refuses a tab behind a length, though behind other values it passes over it.
                guard !hasLength, !lines[value.endIndex..<end].contains(0x09),
                    let length = PushRequestFields.number(value)
                else { return false }
                hasLength = true
                contentLength = length
            case .framing, .origin: return false
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
                let rare = rareHeaders()
                guard rare.prefer == nil else { return false }
                rare.prefer = String(decoding: value, as: UTF8.self)
            case .idempotencyKey:
                let rare = rareHeaders()
                guard rare.idempotencyKey == nil else { return false }
                rare.idempotencyKey = String(decoding: value, as: UTF8.self)
            case .authorization:
                guard authorization == nil else { return false }
                authorization = (offset + value.startIndex)..<(offset + value.endIndex)
            case .traceparent:
                let rare = rareHeaders()
                guard rare.trace.traceparent == nil else { return false }
                rare.trace.traceparent = String(decoding: value, as: UTF8.self)
            case .tracestate:
                let rare = rareHeaders()
                guard rare.trace.tracestate == nil else { return false }
                rare.trace.tracestate = String(decoding: value, as: UTF8.self)
            case .requestID: requestID = RequestID.accepted(String(decoding: value, as: UTF8.self))
            case .other: break
            }
            start = end + 2
        }
        return hasLength && hasHost
    }

    private mutating func rareHeaders() -> Rare {
        if let rare { return rare }
        let rare = Rare()
        self.rare = rare
        return rare
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
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
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
        case traceparent, tracestate
        /// It changes how the request is framed or answered.
        case framing
        /// It comes from a web page, of which more has to be asked.
        case origin
        case other

        init(_ name: UnsafeRawBufferPointer) {
            func matches(_ known: StaticString) -> Bool {
                for index in 0..<name.count where name[index] | 0x20 != known.utf8Start[index] { return false }
                return true
            }
            self = .other
            switch name.count {
            case 4: if matches("host") { self = .host }
            case 6:
                if matches("expect") {
                    self = .framing
                } else if matches("prefer") {
                    self = .prefer
                } else if matches("origin") {
                    self = .origin
                }
            case 7: if matches("upgrade") { self = .framing }
            case 10:
                if matches("connection") { self = .connection } else if matches("tracestate") { self = .tracestate }
            case 11: if matches("traceparent") { self = .traceparent }
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

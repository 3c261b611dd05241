/// Where in a distributed trace a push or command belongs (W3C Trace Context, level 1).
///
/// It is carried along and not changed: Switchboard adds no spans of its own. A reference, so that the pushes that have none,
/// nearly all, pay only for an empty one.
public final class TraceContext: Hashable, Sendable {
    /// `00-TRACEID-PARENTID-FLAGS`, in lower case.
    public let traceparent: String
    /// What tracing systems say of themselves; nil when nothing valid was given.
    public let tracestate: String?

    /// The longest `tracestate` that is carried, in bytes (section 3.3.1.5).
    static let maximumStateBytes = 512
    /// The most members of a `tracestate` (section 3.3.1.1).
    static let maximumStateMembers = 32

    /// - Parameters:
    ///   - traceparent: The header's value.
    ///   - tracestate: The header's value, several lines of it joined by commas. One that is not valid is left out, as the
    ///     specification asks.
    /// - Returns: nil when `traceparent` is not valid: the trace begins anew then.
    public init?(traceparent: String, tracestate: String? = nil) {
        guard let parent = Self.parent(traceparent) else { return nil }
        self.traceparent = parent
        self.tracestate = tracestate.flatMap { Self.isValid(state: $0) ? $0 : nil }
    }

    public static func == (left: TraceContext, right: TraceContext) -> Bool {
        left.traceparent == right.traceparent && left.tracestate == right.tracestate
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(traceparent)
        hasher.combine(tracestate)
    }
}

extension TraceContext {
    /// Section 3.2.2: `version "-" trace-id "-" parent-id "-" trace-flags`, all hexadecimal in lower case.
    private static func parent(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash else { return nil }
        let (version, trace, parent, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard [version, trace, parent, flags].allSatisfy({ $0.allSatisfy(isHexadecimal) }),
            trace.contains(where: { $0 != zero }), parent.contains(where: { $0 != zero })
        else { return nil }
        if version.allSatisfy({ $0 == zero }) { return bytes.count == 55 ? text : nil }
        // A later version is read as this one, and told on as this one, with the one flag that this one knows (section 3.2.4).
        guard !version.elementsEqual("ff".utf8), bytes.count == 55 || bytes[55] == dash else { return nil }
        let isSampled = flags.last.flatMap { UInt8(String(UnicodeScalar($0)), radix: 16) }.map { $0 & 1 == 1 } ?? false
        return "00-" + String(decoding: bytes[3..<53], as: UTF8.self) + (isSampled ? "01" : "00")
    }

    /// Section 3.3.1: `key=value` members, separated by commas.
    private static func isValid(state: String) -> Bool {
        guard state.utf8.count <= maximumStateBytes else { return false }
        var keys: Set<String> = []
        for member in state.split(separator: ",", omittingEmptySubsequences: true) {
            var member = member.drop(while: isBlank)
            while let last = member.last, isBlank(last) { member.removeLast() }
            if member.isEmpty { continue }
            let parts = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, isKey(parts[0].utf8), isValue(parts[1].utf8),
                keys.insert(String(parts[0])).inserted, keys.count <= maximumStateMembers
            else { return false }
        }
        return !keys.isEmpty
    }

    /// Section 3.3.1.3.1, with the tenant's `@` of level 1.
    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        let parts = key.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        let isWhole = parts.allSatisfy { part in
            part.allSatisfy { byte in
                isLetter(byte) || isDigit(byte)
                    || [UInt8(ascii: "_"), dash, UInt8(ascii: "*"), UInt8(ascii: "/")]
                        .contains(byte)
            }
        }
        guard isWhole, let first = parts.first?.first else { return false }
        switch parts.count {
        case 1: return key.count <= 256 && (isLetter(first) || isDigit(first))
        case 2:
            guard let system = parts[1].first else { return false }
            return parts[0].count <= 241 && parts[1].count <= 14 && (isLetter(first) || isDigit(first))
                && isLetter(system)
        default: return false
        }
    }

    /// Section 3.3.1.3.2: printable ASCII without `,` and `=`, not ending with a space.
    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        let isPlain = value.allSatisfy { byte in
            (0x20...0x7E).contains(byte) && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
        }
        return isPlain && (1...256).contains(value.count) && value.last != UInt8(ascii: " ")
    }

    private static let dash = UInt8(ascii: "-")
    private static let zero = UInt8(ascii: "0")

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
    private static func isDigit(_ byte: UInt8) -> Bool { (zero...UInt8(ascii: "9")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension JSONDocument {
    /// The context in the members `traceparent` and `tracestate`; nil when there is none that is valid.
    public var trace: TraceContext? {
        guard let parent = self["traceparent"].flatMap({ string($0) }) else { return nil }
        return TraceContext(traceparent: parent, tracestate: self["tracestate"].flatMap { string($0) })
    }
}

extension JSONObjectWriter {
    /// The members `traceparent` and `tracestate`, as far as there is a context.
    public mutating func trace(_ trace: TraceContext?) {
        guard let trace else { return }
        string("traceparent", trace.traceparent)
        if let state = trace.tracestate { string("tracestate", state) }
    }
}

/// The value of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1): extensions in the order of preference, each with its
/// parameters, names in lower case.
struct ExtensionList: Hashable, Sendable {
    struct Parameter: Hashable, Sendable {
        let name: String
        /// nil when the parameter stands without a value.
        let value: String?
    }

    struct Element: Hashable, Sendable {
        let name: String
        let parameters: [Parameter]
    }

    let elements: [Element]

    /// - Parameter fields: The values of all header fields of that name, in order; they count as one list.
    /// - Throws: ``DeflateNegotiationError``: RFC 6455 section 9.1 has the connection failed then.
    init(_ fields: [String]) throws(DeflateNegotiationError) {
        var elements: [Element] = []
        for field in fields {
            var scanner = ExtensionScanner(field)
            elements += try scanner.list()
        }
        self.elements = elements
    }
}

/// Reads one header field; a single pass without recursion.
private struct ExtensionScanner {
    private var rest: Substring.UTF8View

    init(_ field: String) { rest = field[...].utf8 }

    mutating func list() throws(DeflateNegotiationError) -> [ExtensionList.Element] {
        var elements: [ExtensionList.Element] = []
        while true {
            skipSpace()
            // A list may have empty elements (RFC 2616 section 2.1).
            if rest.isEmpty { return elements }
            if skip(",") { continue }
            elements.append(try element())
            skipSpace()
            guard rest.isEmpty || skip(",") else { throw .malformed }
        }
    }

    private mutating func element() throws(DeflateNegotiationError) -> ExtensionList.Element {
        let name = try token()
        var parameters: [ExtensionList.Parameter] = []
        skipSpace()
        while skip(";") {
            skipSpace()
            let name = try token()
            skipSpace()
            var value: String?
            if skip("=") {
                skipSpace()
                value = try skip("\"") ? quoted() : token()
                skipSpace()
            }
            parameters.append(.init(name: name.lowercased(), value: value))
        }
        return .init(name: name.lowercased(), parameters: parameters)
    }

    private mutating func token() throws(DeflateNegotiationError) -> String {
        let bytes = rest.prefix { Self.isTokenByte($0) }
        guard !bytes.isEmpty else { throw .malformed }
        rest = rest.dropFirst(bytes.count)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What follows an opening quote; unescaped it has to be a token as well.
    private mutating func quoted() throws(DeflateNegotiationError) -> String {
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") {
                guard !bytes.isEmpty else { throw .malformed }
                return String(decoding: bytes, as: UTF8.self)
            }
            guard let plain = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte, Self.isTokenByte(plain) else {
                throw .malformed
            }
            bytes.append(plain)
        }
        throw .malformed
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } }

    /// RFC 2616 section 2.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

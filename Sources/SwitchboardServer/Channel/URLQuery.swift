import SwitchboardProtocol

/// The query of a request target (RFC 3986 section 3.4), as `application/x-www-form-urlencoded` pairs.
struct URLQuery {
    let items: [(name: String, value: String)]

    /// - Returns: nil when something in it is not percent-encoded UTF-8.
    init?(ofTarget target: some StringProtocol) {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            self.init("")
            return
        }
        self.init(target[target.index(after: mark)...])
    }

    init?(_ query: some StringProtocol) {
        var items: [(name: String, value: String)] = []
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count == 2 ? parts[1] : "", plusIsSpace: true)
            else { return nil }
            items.append((name, value))
        }
        self.items = items
    }

    subscript(name: String) -> String? { items.first { $0.name.hasSameBytes(as: name) }?.value }

    /// A name that is given more than once, where that has no meaning.
    var repeatedName: String? {
        var names: Set<TextBytes> = []
        return items.first { !names.insert(TextBytes($0.name)).inserted }?.name
    }
}

extension URLQuery {
    /// A query in which no name may be given twice.
    static func checked(_ text: String?) throws(Problem) -> URLQuery {
        guard let query = URLQuery(text ?? "") else { throw .invalidRequest("the query is not valid") }
        if let item = query.items.first(where: { $0.name.utf8.count > JSONDocument.maximumNameBytes }) {
            throw .invalidRequest("unknown parameter '\(item.name.prefix(bytes: 64))'")
        }
        if let name = query.repeatedName { throw .invalidRequest("'\(name.prefix(bytes: 64))' is given twice") }
        return query
    }
}

/// Percent-encoding (RFC 3986 section 2.1).
enum PercentEncoding {
    /// - Returns: nil when an escape is broken or the bytes are not UTF-8.
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        let bytes = text.utf8
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
                    return nil
                }
                decoded.append(high << 4 | low)
            } else {
                decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

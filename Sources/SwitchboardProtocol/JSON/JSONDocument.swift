public import NIOCore

/// Why a text is not the JSON that was expected, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// Byte offset in the text.
    public let offset: Int

    public init(message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    /// Arrays and objects are nested more deeply than is read.
    public var isTooDeep: Bool { message == Self.tooDeep }
    static let tooDeep = "nested too deeply"

    public var description: String { "\(message) (at byte \(offset))" }
}

/// What a JSON value is and where it stands in its document.
public struct JSONSlice: Hashable, Sendable {
    public enum Kind: Sendable { case object, array, string, number, boolean, null }
    public let kind: Kind
    public let range: Range<Int>
}

/// One checked JSON object whose values stay where they are: read them one by one, or take their bytes verbatim.
public struct JSONDocument: Sendable {
    public let buffer: ByteBuffer
    /// Names (unescaped) and values, in the order of the text.
    public let members: [(name: String, value: JSONSlice)]

    /// The longest name of a member, in bytes: none that means something here is longer.
    public static let maximumNameBytes = 256

    /// The most members of an object; no report on a client's health can have more.
    public static let maximumMembers = 1024

    /// - Throws: when the text is not one JSON object in UTF-8, names a member twice, has a name that is too long or too many
    ///   members.
    public init(_ buffer: ByteBuffer) throws(JSONError) {
        self.buffer = buffer
        self.members = try JSONDocument.scan(buffer) { bytes throws(JSONError) in
            var scanner = JSONScanner(bytes)
            scanner.skipSpace()
            try scanner.expect(UInt8(ascii: "{"), "an object is expected")
            var members: [(name: String, value: JSONSlice)] = []
            try scanner.members(depth: 0) { name, value throws(JSONError) in
                // What would be refused in the end anyway is not read to its end.
                guard members.count < Self.maximumMembers else {
                    throw JSONError(
                        message: "the object has more than \(Self.maximumMembers) members",
                        offset: value.range.lowerBound)
                }
                members.append((JSONText.unescaped(bytes, name), value))
            }
            scanner.skipSpace()
            guard scanner.position == bytes.count else { throw scanner.failure("nothing may follow the object") }
            return members
        }
        if let (_, value) = members.first(where: { $0.name.utf8.count > Self.maximumNameBytes }) {
            throw JSONError(
                message: "the name of a member is longer than \(Self.maximumNameBytes) bytes",
                offset: value.range.lowerBound)
        }
        if let (name, value) = Self.repeated(members) {
            throw JSONError(
                message: "the member '\(name.prefix(bytes: 64))' is given twice", offset: value.range.lowerBound)
        }
    }

    private static func repeated(_ members: [(name: String, value: JSONSlice)]) -> (name: String, value: JSONSlice)? {
        if members.count <= 8 {
            for (index, member) in members.enumerated()
            where members[..<index].contains(where: { $0.name.hasSameBytes(as: member.name) }) {
                return member
            }
            return nil
        }
        var names: Set<TextBytes> = []
        names.reserveCapacity(members.count)
        return members.first { !names.insert(TextBytes($0.name)).inserted }
    }

    /// Checks that the buffer holds exactly one JSON value in UTF-8.
    public static func validate(_ buffer: ByteBuffer) throws(JSONError) {
        try scan(buffer) { bytes throws(JSONError) in
            var scanner = JSONScanner(bytes)
            scanner.skipSpace()
            _ = try scanner.value()
            scanner.skipSpace()
            guard scanner.position == bytes.count else { throw scanner.failure("nothing may follow the value") }
        }
    }

    private static func scan<Result>(
        _ buffer: ByteBuffer, _ body: (UnsafeRawBufferPointer) throws(JSONError) -> Result
    ) throws(JSONError) -> Result {
        guard UTF8Text.isValid(buffer) else { throw JSONError(message: "not valid UTF-8", offset: 0) }
        var outcome: Swift.Result<Result, JSONError> = .failure(JSONError(message: "no text", offset: 0))
        buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) { outcome = .success(try body(bytes)) } catch { outcome = .failure(error) }
        }
        return try outcome.get()
    }

    public subscript(name: String) -> JSONSlice? {
        members.first { $0.name.hasSameBytes(as: name) }?.value
    }

    /// The value's own bytes, sharing the document's storage.
    public func bytes(of slice: JSONSlice) -> ByteBuffer {
        buffer.getSlice(at: buffer.readerIndex + slice.range.lowerBound, length: slice.range.count) ?? ByteBuffer()
    }

    /// The text of a string value.
    public func string(_ slice: JSONSlice) -> String? {
        guard slice.kind == .string else { return nil }
        return buffer.withUnsafeReadableBytes { JSONText.unescaped($0, slice.range) }
    }

    /// A number value that is finite.
    public func number(_ slice: JSONSlice) -> Double? {
        guard slice.kind == .number, let value = Double(literal(slice)), value.isFinite else { return nil }
        return value
    }

    /// A number value that is written as an integer and fits.
    public func integer(_ slice: JSONSlice) -> Int? {
        slice.kind == .number ? Int(literal(slice)) : nil
    }

    public func boolean(_ slice: JSONSlice) -> Bool? {
        slice.kind == .boolean
            ? buffer.getInteger(at: buffer.readerIndex + slice.range.lowerBound) == UInt8(ascii: "t") : nil
    }

    /// An object value as a document of its own, sharing the storage.
    public func object(_ slice: JSONSlice) -> JSONDocument? {
        slice.kind == .object ? try? JSONDocument(bytes(of: slice)) : nil
    }

    /// The elements of an array value; their ranges are in this document.
    public func elements(_ slice: JSONSlice) -> [JSONSlice]? {
        guard slice.kind == .array else { return nil }
        return buffer.withUnsafeReadableBytes { bytes in
            var scanner = JSONScanner(bytes, at: slice.range.lowerBound + 1)
            var found: [JSONSlice] = []
            guard (try? scanner.elements(depth: 0, { found.append($0) })) != nil else { return nil }
            return found
        }
    }

    /// A string value of at most 64 bytes: one that is compared with words.
    public func word(_ slice: JSONSlice) -> String? {
        string(slice).flatMap { $0.utf8.count <= 64 ? $0 : nil }
    }

    /// An object value whose members are all strings.
    ///
    /// - Parameter limit: The most members; nil is returned when there are more.
    public func stringMap(_ slice: JSONSlice, limit: Int) -> [String: String]? {
        guard let object = object(slice), object.members.count <= limit else { return nil }
        var map: [String: String] = [:]
        for (name, value) in object.members {
            guard let text = object.string(value) else { return nil }
            map[name] = text
        }
        return map
    }

    private func literal(_ slice: JSONSlice) -> String {
        buffer.getString(at: buffer.readerIndex + slice.range.lowerBound, length: slice.range.count) ?? ""
    }
}

public import NIOCore

/// Writes one JSON object member by member, without building values first.
public struct JSONObjectWriter {
    private var buffer: ByteBuffer
    private var isFirst = true

    /// Takes `buffer`, leaving an empty one, and opens the object at its end; ``finish()`` gives it back.
    ///
    /// Taking it keeps the storage uniquely referenced, so that writing does not copy it.
    public init(taking buffer: inout ByteBuffer) {
        self.buffer = ByteBuffer()
        swap(&self.buffer, &buffer)
        self.buffer.writeInteger(UInt8(ascii: "{"))
    }

    /// An object in a buffer of its own.
    public static func document(_ members: (inout JSONObjectWriter) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        members(&json)
        return json.finish()
    }

    private mutating func name(_ name: StaticString) {
        if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
        isFirst = false
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
    }

    public mutating func string(_ name: StaticString, _ value: String) {
        self.name(name)
        buffer.writeJSONString(value)
    }

    /// A finite number; a whole one is written without a fraction.
    public mutating func number(_ name: StaticString, _ value: Double) {
        self.name(name)
        if let whole = Int64(exactly: value) { buffer.writeString("\(whole)") } else { buffer.writeString("\(value)") }
    }

    public mutating func integer(_ name: StaticString, _ value: Int) {
        self.name(name)
        buffer.writeDecimal(value)
    }

    /// A member whose name is not known beforehand.
    public mutating func integer(named name: String, _ value: Int) {
        if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
        isFirst = false
        buffer.writeJSONString(name)
        buffer.writeString(":\(value)")
    }

    /// A member whose name is not known beforehand.
    public mutating func string(named name: String, _ value: String) {
        if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
        isFirst = false
        buffer.writeJSONString(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        buffer.writeJSONString(value)
    }

    public mutating func boolean(_ name: StaticString, _ value: Bool) {
        self.name(name)
        buffer.writeStaticString(value ? "true" : "false")
    }

    /// JSON text that needs no check.
    public mutating func literal(_ name: StaticString, _ text: String) {
        self.name(name)
        buffer.writeString(text)
    }

    /// Checked JSON text, byte for byte.
    public mutating func verbatim(_ name: StaticString, _ json: ByteBuffer) {
        self.name(name)
        buffer.writeImmutableBuffer(json)
    }

    /// Checked JSON text, byte for byte, under a name that is not known beforehand.
    public mutating func verbatim(named name: String, _ json: ByteBuffer) {
        if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
        isFirst = false
        buffer.writeJSONString(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        buffer.writeImmutableBuffer(json)
    }

    public mutating func strings(_ name: StaticString, _ map: [String: String]) {
        self.name(name)
        buffer.writeInteger(UInt8(ascii: "{"))
        for (index, entry) in map.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            buffer.writeJSONString(entry.key)
            buffer.writeInteger(UInt8(ascii: ":"))
            buffer.writeJSONString(entry.value)
        }
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    public mutating func strings(_ name: StaticString, _ list: [String]) {
        self.name(name)
        buffer.writeInteger(UInt8(ascii: "["))
        for (index, value) in list.enumerated() {
            if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            buffer.writeJSONString(value)
        }
        buffer.writeInteger(UInt8(ascii: "]"))
    }

    public mutating func object(_ name: StaticString, _ members: (inout JSONObjectWriter) -> Void) {
        self.name(name)
        var inner = JSONObjectWriter(taking: &buffer)
        members(&inner)
        buffer = inner.finish()
    }

    /// An object whose name is not known beforehand.
    public mutating func object(named name: String, _ members: (inout JSONObjectWriter) -> Void) {
        if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
        isFirst = false
        buffer.writeJSONString(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        var inner = JSONObjectWriter(taking: &buffer)
        members(&inner)
        buffer = inner.finish()
    }

    /// A list of objects.
    public mutating func list<Element>(
        _ name: StaticString, _ elements: some Sequence<Element>, _ write: (inout JSONObjectWriter, Element) -> Void
    ) {
        self.name(name)
        buffer.writeInteger(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            var inner = JSONObjectWriter(taking: &buffer)
            write(&inner, element)
            buffer = inner.finish()
        }
        buffer.writeInteger(UInt8(ascii: "]"))
    }

    /// `data` or `base64`, by the payload's format.
    public mutating func payload(_ payload: Payload) {
        switch payload.format {
        case .json: verbatim("data", payload.bytes)
        case .text:
            name("data")
            buffer.writeJSONString(utf8: payload.bytes)
        case .binary:
            name("base64")
            buffer.writeInteger(UInt8(ascii: "\""))
            buffer.writeString(Base64.encode(payload.bytes))
            buffer.writeInteger(UInt8(ascii: "\""))
        }
    }

    /// Closes the object and gives the buffer back.
    public consuming func finish() -> ByteBuffer {
        buffer.writeInteger(UInt8(ascii: "}"))
        return buffer
    }
}

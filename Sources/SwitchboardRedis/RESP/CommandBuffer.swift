import NIOCore

/// Commands on their way out, as RESP arrays of bulk strings, written one behind the other.
///
/// Written here rather than by `redisFormatCommandArgv`, which wants every argument as a C string and returns a copy.
struct CommandBuffer {
    /// Arguments from this size on are not copied but sent from where they are.
    private static let ownSegment = 8 * 1024

    private var finished: [ByteBuffer] = []
    private var tail = ByteBuffer()
    /// Bytes written in all.
    private(set) var count = 0

    /// Begins a command with its number of arguments, its name included.
    mutating func command(arguments: Int) {
        count += tail.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.headerSpace) { space in
            Self.header(UInt8(ascii: "*"), arguments, space)
        }
    }

    /// Arguments that are RESP already.
    mutating func prepared(_ bytes: ByteBuffer) { count += tail.writeImmutableBuffer(bytes) }

    /// Whole commands, as ``take()`` has returned them.
    mutating func commands(_ pieces: [ByteBuffer]) {
        for piece in pieces {
            guard piece.readableBytes >= Self.ownSegment else {
                prepared(piece)
                continue
            }
            finished.append(tail)
            finished.append(piece)
            tail = ByteBuffer()
            count += piece.readableBytes
        }
    }

    mutating func argument(_ text: String) {
        var text = text
        text.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }

    mutating func argument(_ text: StaticString) {
        bulk(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// One argument of three parts.
    mutating func argument(_ name: KeyPattern, _ middle: String) {
        var middle = middle
        name.head.withUnsafeReadableBytes { head in
            middle.withUTF8 { middle in
                bulk(
                    head, UnsafeRawBufferPointer(middle),
                    UnsafeRawBufferPointer(start: name.rest.utf8Start, count: name.rest.utf8CodeUnitCount))
            }
        }
    }

    mutating func argument(_ number: Int) {
        withUnsafeTemporaryAllocation(byteCount: Self.digits, alignment: 1) { space in
            let start = Self.decimal(number, space)
            bulk(UnsafeRawBufferPointer(rebasing: space[start...]))
        }
    }

    mutating func argument(_ bytes: ByteBuffer) {
        guard bytes.readableBytes >= Self.ownSegment else { return bytes.withUnsafeReadableBytes { bulk($0) } }
        count += tail.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.headerSpace) { space in
            Self.header(UInt8(ascii: "$"), bytes.readableBytes, space)
        }
        finished.append(tail)
        finished.append(bytes)
        tail = ByteBuffer(string: "\r\n")
        count += bytes.readableBytes + 2
    }

    /// Everything written so far, to be sent in this order; the buffer is empty after that.
    mutating func take() -> [ByteBuffer] {
        var all: [ByteBuffer] = []
        swap(&all, &finished)
        if tail.readableBytes > 0 { all.append(tail) }
        tail = ByteBuffer()
        return all
    }

    /// What ``take()`` returns, in one piece.
    mutating func joined() -> ByteBuffer {
        take().reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }

    /// Writes an argument in one step: going through the buffer's bounds for each piece costs more than the pieces.
    private mutating func bulk(
        _ head: UnsafeRawBufferPointer, _ middle: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        _ rest: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        let length = head.count + middle.count + rest.count
        count += tail.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.headerSpace + length + 2) { space in
            var end = Self.header(UInt8(ascii: "$"), length, space)
            end = Self.copy(head, space, at: end)
            end = Self.copy(middle, space, at: end)
            end = Self.copy(rest, space, at: end)
            return Self.end(space, at: end)
        }
    }

    /// Room for the decimal spelling of any integer.
    private static let digits = 20
    /// Room for a mark, a number and the end of the line.
    private static let headerSpace = 1 + digits + 2

    private static func header(_ mark: UInt8, _ value: Int, _ space: UnsafeMutableRawBufferPointer) -> Int {
        space[0] = mark
        // Lengths are mostly this short.
        if value < 10 {
            space[1] = UInt8(ascii: "0") + UInt8(value)
            return end(space, at: 2)
        }
        return withUnsafeTemporaryAllocation(byteCount: digits, alignment: 1) { spelling in
            let start = decimal(value, spelling)
            return end(space, at: copy(UnsafeRawBufferPointer(rebasing: spelling[start...]), space, at: 1))
        }
    }

    private static func copy(_ part: UnsafeRawBufferPointer, _ space: UnsafeMutableRawBufferPointer, at position: Int)
        -> Int
    {
        guard part.count > 0 else { return position }
        UnsafeMutableRawBufferPointer(rebasing: space[position...]).copyMemory(from: part)
        return position + part.count
    }

    private static func end(_ space: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
        space[position] = UInt8(ascii: "\r")
        space[position + 1] = UInt8(ascii: "\n")
        return position + 2
    }

    /// Writes the decimal spelling at the end of the space.
    ///
    /// - Returns: Where it begins.
    private static func decimal(_ number: Int, _ space: UnsafeMutableRawBufferPointer) -> Int {
        var rest = number.magnitude
        var start = digits
        repeat {
            start -= 1
            space[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 {
            start -= 1
            space[start] = UInt8(ascii: "-")
        }
        return start
    }
}

/// The name of a key or channel around the one part that changes.
struct KeyPattern: Sendable {
    let head: ByteBuffer
    let rest: StaticString

    init(_ head: String, _ rest: StaticString) {
        self.head = ByteBuffer(string: head)
        self.rest = rest
    }

    func name(_ middle: String) -> String { String(buffer: head) + middle + rest.description }
}

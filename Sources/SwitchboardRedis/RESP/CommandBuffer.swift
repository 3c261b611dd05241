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
    mutating func command(arguments: Int) { header(UInt8(ascii: "*"), arguments) }

    /// Arguments that are RESP already.
    mutating func prepared(_ bytes: ByteBuffer) { count += tail.writeImmutableBuffer(bytes) }

    mutating func argument(_ text: String) {
        header(UInt8(ascii: "$"), text.utf8.count)
        count += tail.writeString(text)
        end()
    }

    mutating func argument(_ text: StaticString) {
        header(UInt8(ascii: "$"), text.utf8CodeUnitCount)
        count += tail.writeStaticString(text)
        end()
    }

    /// One argument of three parts.
    mutating func argument(_ name: KeyPattern, _ middle: String) {
        header(UInt8(ascii: "$"), name.head.readableBytes + middle.utf8.count + name.rest.utf8CodeUnitCount)
        count += tail.writeImmutableBuffer(name.head)
        count += tail.writeString(middle)
        count += tail.writeStaticString(name.rest)
        end()
    }

    mutating func argument(_ number: Int) {
        let (digits, length) = Self.digits(of: number)
        header(UInt8(ascii: "$"), length)
        write(digits, length)
        end()
    }

    mutating func argument(_ bytes: ByteBuffer) {
        header(UInt8(ascii: "$"), bytes.readableBytes)
        if bytes.readableBytes < Self.ownSegment {
            count += tail.writeImmutableBuffer(bytes)
        } else {
            finished.append(tail)
            finished.append(bytes)
            tail = ByteBuffer()
            count += bytes.readableBytes
        }
        end()
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

    private mutating func header(_ mark: UInt8, _ value: Int) {
        count += tail.writeInteger(mark)
        let (digits, length) = Self.digits(of: value)
        write(digits, length)
        end()
    }

    private mutating func end() { count += tail.writeInteger(0x0D0A as UInt16) }

    private mutating func write(_ digits: InlineArray<20, UInt8>, _ length: Int) {
        for index in (20 - length)..<20 { tail.writeInteger(digits[index]) }
        count += length
    }

    /// The decimal spelling, at the end of the array.
    private static func digits(of number: Int) -> (InlineArray<20, UInt8>, Int) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var rest = number.magnitude
        var start = 20
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 {
            start -= 1
            digits[start] = UInt8(ascii: "-")
        }
        return (digits, 20 - start)
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

import NIOCore

/// Writes text of a known form into memory that is large enough.
struct PlainLineWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    /// False when something had to be escaped, or did not fit: what was written is of no use then.
    private(set) var isPlain = true

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    @inline(__always)
    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        guard memory.count - count >= bytes.count else {
            isPlain = false
            return
        }
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    @inline(__always)
    mutating func text(_ text: StaticString) {
        bytes(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// An identifier; one that was never checked may have what would have to be escaped.
    @inline(__always)
    mutating func name(_ name: String) {
        let isPlain = name.utf8.withContiguousStorageIfAvailable { utf8 in
            bytes(UnsafeRawBufferPointer(utf8))
            return utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        }
        if isPlain != true { self.isPlain = false }
    }

    @inline(__always)
    mutating func number(_ number: some FixedWidthInteger) {
        guard var rest = Int(exactly: number), rest >= 0, memory.count - count >= 20 else {
            isPlain = false
            return
        }
        var digits = 1
        var bound = 10
        while digits < 19, rest >= bound {
            digits += 1
            bound = bound &* 10
        }
        var index = count + digits
        count = index
        repeat {
            index -= 1
            memory[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }
}

extension ByteBuffer {
    /// - Parameter body: Returns false when nothing is to be written after all.
    mutating func writePlain(atMost size: Int, _ body: (inout PlainLineWriter) -> Bool) -> Bool {
        var isPlain = false
        writeWithUnsafeMutableBytes(minimumWritableBytes: size) { memory in
            var line = PlainLineWriter(memory)
            isPlain = body(&line)
            return isPlain ? line.count : 0
        }
        return isPlain
    }
}

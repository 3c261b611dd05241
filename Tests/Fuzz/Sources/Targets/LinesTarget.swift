import NIOCore

@testable import SwitchboardServer

/// A stream of pushes, a line each: the same lines however they arrive, and none longer than the limit.
enum LinesTarget {
    private static let limit = 100

    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        let reference = Lines(reference: bytes)
        expect(Lines([bytes]) == reference, "lines are what stands between line feeds")
        for reads in Reads.cut(bytes) {
            let lines = Lines(reads)
            expect(lines == reference, "lines do not depend on how the bytes arrive")
        }
    }

    private struct Lines: Equatable {
        var lines: [ByteBuffer] = []
        var isTooLong = false

        init(_ reads: [ByteBuffer]) {
            var splitter = LineSplitter(limit: LinesTarget.limit)
            do throws(LineSplitter.TooLong) {
                for read in reads {
                    splitter.append(read)
                    while let line = try splitter.next() { lines.append(line) }
                }
                if let line = try splitter.last() { lines.append(line) }
            } catch { isTooLong = true }
        }

        init(reference bytes: ByteBuffer) {
            for line in bytes.readableBytesView.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
                guard line.count <= LinesTarget.limit else {
                    isTooLong = true
                    return
                }
                let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
                if !text.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) {
                    lines.append(ByteBuffer(bytes: text))
                }
            }
        }
    }
}

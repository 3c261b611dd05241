import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct LineSplitterTests {
    /// The lines of a text that comes in pieces of `size` bytes.
    private func lines(_ text: String, size: Int, limit: Int = 100) throws -> [String] {
        var splitter = LineSplitter(limit: limit)
        var lines: [String] = []
        var rest = ByteBuffer(string: text)
        while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
            splitter.append(piece)
            while let line = try splitter.next() { lines.append(String(buffer: line)) }
        }
        if let line = try splitter.last() { lines.append(String(buffer: line)) }
        return lines
    }

    @Test(arguments: 1...12)
    func linesAreTheSameHoweverTheyArrive(size: Int) throws {
        #expect(try lines("one\ntwo\r\n\n \t\r\nthree\nfour", size: size) == ["one", "two", "three", "four"])
        #expect(try lines("one\n", size: size) == ["one"])
        #expect(try lines("", size: size) == [])
        #expect(try lines("\n\n", size: size) == [])
        #expect(try lines(" a \r\n", size: size) == [" a "])
        #expect(try lines("a\rb\n", size: size) == ["a\rb"])
    }

    @Test(arguments: 1...7)
    func aLineMayBeAsLongAsTheLimit(size: Int) throws {
        #expect(try lines("12345\n12345", size: size, limit: 5) == ["12345", "12345"])
        #expect(throws: LineSplitter.TooLong.self) { try lines("123456\n", size: size, limit: 5) }
        #expect(throws: LineSplitter.TooLong.self) { try lines("1\n123456", size: size, limit: 5) }
    }

    @Test func aLineWithoutEndIsRefusedBeforeItIsWhole() throws {
        var splitter = LineSplitter(limit: 5)
        splitter.append(ByteBuffer(string: "12345"))
        #expect(try splitter.next() == nil)
        splitter.append(ByteBuffer(string: "6"))
        #expect(throws: LineSplitter.TooLong.self) { try splitter.next() }
    }

    @Test func theLastIsGivenOnce() throws {
        var splitter = LineSplitter(limit: 5)
        splitter.append(ByteBuffer(string: "1\n2"))
        #expect(try splitter.next() == ByteBuffer(string: "1"))
        #expect(try splitter.next() == nil)
        #expect(try splitter.last() == ByteBuffer(string: "2"))
        #expect(try splitter.last() == nil)
    }

    @Test func linesThatWereTakenStayWhatTheyWere() throws {
        var splitter = LineSplitter(limit: 100)
        splitter.append(ByteBuffer(string: "first\nsec"))
        let first = try splitter.next()
        splitter.append(ByteBuffer(string: "ond\n"))
        let second = try splitter.next()
        #expect(first == ByteBuffer(string: "first"))
        #expect(second == ByteBuffer(string: "second"))
    }
}

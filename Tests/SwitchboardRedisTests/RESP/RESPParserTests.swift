import NIOCore
import Testing

@testable import SwitchboardRedis

struct RESPParserTests {
    /// Everything that RESP2 has, with the traps: CR LF in a bulk string, empty and null values, nesting.
    private static let wire =
        "+OK\r\n-ERR no such thing\r\n:-42\r\n$5\r\na\r\nb\0\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n$7\r\nmessage\r\n$2\r\nsb\r\n$3\r\nxyz\r\n"
        + "*3\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n*0\r\n-WRONG inside\r\n:9223372036854775807\r\n"

    private static let replies: [RESPReply] = [
        .status("OK"), .error("ERR no such thing"), .integer(-42), bulk("a\r\nb\0"), bulk(""), .null, .null, .array([]),
        .array([.symbol(0), bulk("sb"), bulk("xyz")]),
        .array([.array([.integer(1), .array([bulk("x")])]), .array([]), .error("WRONG inside")]), .integer(Int.max),
    ]

    private static func bulk(_ text: String) -> RESPReply { .bulk(ByteBuffer(string: text)) }

    @Test func readsWholeInput() throws {
        #expect(try parse([Self.wire[...]]) == Self.replies)
    }

    @Test func readsByteByByte() throws {
        #expect(try parse(Self.wire.indices.map { Self.wire[$0...$0] }) == Self.replies)
    }

    @Test func readsAtEverySplit() throws {
        let bytes = Array(Self.wire.utf8)
        for first in 0...bytes.count {
            var parser = try RESPParser(symbols: ["message"])
            var replies: [RESPReply] = []
            try parser.parse(ByteBuffer(bytes: bytes[..<first])) { replies.append($0) }
            try parser.parse(ByteBuffer(bytes: bytes[first...])) { replies.append($0) }
            #expect(replies == Self.replies, "split at \(first)")
        }
    }

    @Test func readsSevenNestedArrays() throws {
        let replies = try parse([String(repeating: "*1\r\n", count: 7)[...], ":5\r\n"])
        var expected = RESPReply.integer(5)
        for _ in 0..<7 { expected = .array([expected]) }
        #expect(replies == [expected])
    }

    @Test func refusesEndlessNesting() throws {
        #expect(throws: RESPError.self) { try parse([String(repeating: "*1\r\n", count: 5000)[...]]) }
    }

    @Test(
        "What is not RESP2 is an error",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n", "!5\r\nhello\r\n", "$x\r\n", "*2\r\n:1\r\nnonsense\r\n", "\r\n\r\n",
            "%1\r\n:1\r\n:2\r\n",
            ",3.14\r\n", "#t\r\n", ">1\r\n+x\r\n", "$-2\r\n", "*-5\r\n", ":12a\r\n",
        ])
    func refusesGarbage(text: String) throws {
        #expect(throws: RESPError.self) { try parse([text[...]]) }
    }

    @Test func namesTheProblemAndRepeatsIt() throws {
        var parser = try RESPParser()
        let garbage = ByteBuffer(string: "HELLO\r\n")
        var descriptions: [String] = []
        for _ in 0..<2 {
            do throws(RESPError) { try parser.parse(garbage) { _ in } } catch { descriptions.append(error.description) }
        }
        #expect(descriptions.count == 2)
        #expect(Set(descriptions).count == 1)
        #expect(descriptions.first?.contains("Protocol error") == true)
    }

    @Test func boundsOneReply() throws {
        var parser = try RESPParser(limit: 100_000)
        try parser.parse(ByteBuffer(string: "$1000000\r\n")) { _ in Issue.record("not complete") }
        #expect(throws: RESPError.tooLong(limit: 100_000)) {
            for _ in 0..<20 { try parser.parse(ByteBuffer(repeating: 0x61, count: 10_000)) { _ in } }
        }
    }

    @Test func doesNotCountEarlierRepliesAgainstTheBound() throws {
        var parser = try RESPParser(limit: 10_000)
        let message = ByteBuffer(string: "$5000\r\n" + String(repeating: "m", count: 5000) + "\r\n")
        var count = 0
        for _ in 0..<50 { try parser.parse(message) { _ in count += 1 } }
        #expect(count == 50)
    }

    /// A header that claims a billion elements must not make the parser reserve them.
    @Test func believesNoClaims() throws {
        #expect(try parse(["*1000000000\r\n:1\r\n"]).isEmpty)
        #expect(try parse(["$512000000\r\nabc"]).isEmpty)
    }

    @Test func keepsLargeStringsWhole() throws {
        let body = ByteBuffer(bytes: (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        var wire = ByteBuffer(string: "*2\r\n$\(body.readableBytes)\r\n")
        wire.writeImmutableBuffer(body)
        wire.writeString("\r\n:7\r\n:8\r\n")
        var parser = try RESPParser()
        var replies: [RESPReply] = []
        while let slice = wire.readSlice(length: min(65_536, wire.readableBytes)), slice.readableBytes > 0 {
            try parser.parse(slice) { replies.append($0) }
        }
        #expect(replies == [.array([.bulk(body), .integer(7)]), .integer(8)])
    }

    private func parse(_ pieces: [Substring]) throws -> [RESPReply] {
        var parser = try RESPParser(symbols: ["message"])
        var replies: [RESPReply] = []
        for piece in pieces { try parser.parse(ByteBuffer(substring: piece)) { replies.append($0) } }
        return replies
    }
}

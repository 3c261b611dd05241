import CHiredis
import Foundation
import NIOCore
import Testing

@testable import SwitchboardRedis

struct CommandBufferTests {
    @Test(
        "hiredis writes the same",
        arguments: [
            ["PING"], ["SET", "key", ""], ["PUBLISH", "sb:push", "line\r\nline"],
            ["ECHO", String(repeating: "x", count: 9000)],
            ["SADD", "\u{E9}", "\u{1F600}"],
        ])
    func agreesWithHiredis(words: [String]) throws {
        var buffer = CommandBuffer()
        buffer.command(arguments: words.count)
        for word in words { buffer.argument(word) }
        var again = CommandBuffer()
        again.command(arguments: words.count)
        for word in words { again.argument(ByteBuffer(string: word)) }
        let expected = try formatted(words)
        #expect(buffer.joined() == expected)
        #expect(again.joined() == expected)
    }

    @Test func countsWhatItWrites() throws {
        var buffer = CommandBuffer()
        buffer.command(arguments: 5)
        buffer.argument("EVALSHA" as StaticString)
        buffer.argument(KeyPattern("sb:client:{", "}:connects"), "a")
        buffer.argument(-1234)
        buffer.argument(ByteBuffer(repeating: 1, count: 20_000))
        buffer.argument("end")
        let count = buffer.count
        #expect(buffer.joined().readableBytes == count)
    }

    @Test("Numbers are spelled in decimal", arguments: [0, 7, 10, -1, 65535, Int.max, Int.min])
    func spellsNumbers(number: Int) throws {
        var buffer = CommandBuffer()
        buffer.command(arguments: 1)
        buffer.argument(number)
        #expect(buffer.joined() == (try formatted(["\(number)"])))
    }

    @Test func buildsKeysFromParts() throws {
        var buffer = CommandBuffer()
        buffer.command(arguments: 1)
        buffer.argument(KeyPattern("sb:client:{", "}"), "kiosk-7")
        #expect(buffer.joined() == (try formatted(["sb:client:{kiosk-7}"])))
        #expect(KeyPattern("sb:client:{", "}").name("kiosk-7") == "sb:client:{kiosk-7}")
    }

    /// A large message is not copied into the command.
    @Test func sendsLargeArgumentsFromWhereTheyAre() {
        let large = ByteBuffer(repeating: 0x78, count: 100_000)
        var buffer = CommandBuffer()
        buffer.command(arguments: 1)
        buffer.argument(large)
        let segments = buffer.take()
        #expect(segments.count == 3)
        let isShared = segments[1].withUnsafeReadableBytes { sent in
            large.withUnsafeReadableBytes { $0.baseAddress == sent.baseAddress }
        }
        #expect(isShared)
        #expect(buffer.take().isEmpty)
    }

    private func formatted(_ words: [String]) throws -> ByteBuffer {
        let copies = words.map { word in word.withCString { strdup($0) } }
        defer { for copy in copies { free(copy) } }
        var arguments = copies.map { UnsafePointer($0) }
        var lengths = words.map(\.utf8.count)
        var text: UnsafeMutablePointer<CChar>?
        let count = redisFormatCommandArgv(&text, CInt(words.count), &arguments, &lengths)
        let start = try #require(text)
        defer { redisFreeCommand(text) }
        return ByteBuffer(bytes: UnsafeRawBufferPointer(start: start, count: Int(count)))
    }
}

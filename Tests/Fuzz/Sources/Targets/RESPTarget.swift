import NIOCore

@testable import SwitchboardRedis

/// Replies of Redis: the same however they arrive, readable again when they are written again, and never more than a limit of
/// bytes waited for. Commands are read back as they were written.
enum RESPTarget {
    private static let symbols = ["message", "smessage"]

    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        let whole = Outcome([bytes])
        for reads in Reads.cut(bytes) {
            expect(Outcome(reads) == whole, "replies do not depend on how the bytes arrive")
        }
        rewrites(whole.replies)
        isBounded(bytes)
        readsCommands(bytes)
    }

    private struct Outcome: Equatable {
        var replies: [RESPReply] = []
        var error: RESPError?

        init(_ reads: [ByteBuffer], limit: Int = 1 << 20) {
            do throws(RESPError) {
                var parser = try RESPParser(symbols: RESPTarget.symbols, limit: limit)
                for read in reads { try parser.parse(read) { replies.append($0) } }
            } catch { self.error = error }
        }
    }

    private static func rewrites(_ replies: [RESPReply]) {
        guard !replies.isEmpty else { return }
        var wire = ByteBuffer()
        for reply in replies { wire.writeReply(reply, symbols) }
        let again = Outcome([wire])
        expect(again.error == nil && again.replies == replies, "replies that are written again are the same")
    }

    /// However long a reply says that it is, the parser gives up on it when so many bytes have come.
    private static func isBounded(_ bytes: ByteBuffer) {
        // A few bytes at a time, and a whole number of times one byte more than is allowed.
        let (limit, step) = (64, 13)
        guard bytes.readableBytes > limit else { return }
        do throws(RESPError) {
            var parser = try RESPParser(limit: limit)
            var rest = bytes
            var waiting = 0
            while let read = rest.readSlice(length: step) {
                var isReply = false
                try parser.parse(read) { _ in isReply = true }
                waiting = isReply ? 0 : waiting + step
                expect(waiting <= limit, "no reply is waited for beyond the limit")
            }
        } catch { return }
    }

    private static func readsCommands(_ bytes: ByteBuffer) {
        let arguments = bytes.readableBytesView.split(separator: 0, maxSplits: 8, omittingEmptySubsequences: false)
        var commands = CommandBuffer()
        var expected: [RESPReply] = []
        commands.command(arguments: arguments.count + 1)
        for (index, argument) in arguments.enumerated() {
            if index % 2 == 0 {
                commands.argument(ByteBuffer(bytes: argument))
                expected.append(.bulk(ByteBuffer(bytes: argument)))
            } else {
                let text = String(decoding: argument, as: UTF8.self)
                commands.argument(text)
                expected.append(.bulk(ByteBuffer(string: text)))
            }
        }
        let number = Int(truncatingIfNeeded: bytes.getInteger(at: 0, as: UInt64.self) ?? UInt64(bytes.readableBytes))
        commands.argument(number)
        expected.append(.bulk(ByteBuffer(string: "\(number)")))
        let (count, wire) = (commands.count, commands.joined())
        expect(count == wire.readableBytes, "a command buffer knows its length")
        var parsed: [RESPReply] = []
        do throws(RESPError) {
            var parser = try RESPParser()
            try parser.parse(wire) { parsed.append($0) }
        } catch { violated("a command can be read: \(error)") }
        expect(parsed == [.array(expected)], "a command is read as it was written")
    }
}

extension ByteBuffer {
    fileprivate mutating func writeReply(_ reply: RESPReply, _ symbols: [String]) {
        switch reply {
        case .status(let text): writeString("+\(text)\r\n")
        case .error(let text): writeString("-\(text)\r\n")
        case .integer(let value): writeString(":\(value)\r\n")
        case .null: writeString("$-1\r\n")
        case .symbol(let index): writeBulk(ByteBuffer(string: symbols[index]))
        case .bulk(let bytes): writeBulk(bytes)
        case .array(let elements):
            writeString("*\(elements.count)\r\n")
            for element in elements { writeReply(element, symbols) }
        }
    }

    private mutating func writeBulk(_ bytes: ByteBuffer) {
        writeString("$\(bytes.readableBytes)\r\n")
        writeImmutableBuffer(bytes)
        writeString("\r\n")
    }
}

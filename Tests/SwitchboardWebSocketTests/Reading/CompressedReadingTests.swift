import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

/// RFC 7692 sections 6 and 7.2: what comes in compressed.
@Suite struct CompressedReadingTests {
    private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    private var alone: ReaderRun {
        ReaderRun(agreement: DeflateAgreement(client: .init(keepsContext: false)))
    }

    private var kept: ReaderRun { ReaderRun(agreement: DeflateAgreement()) }

    private func compressed(_ text: String) throws -> [UInt8] {
        try deflated(Array(text.utf8), by: try Deflater(windowBits: 15, keepsContext: false))
    }

    @Test func theExampleOfTheRFC() {
        let frame = Wire.frame(1, Self.hello, rsv: 4)
        #expect(alone.events(frame) == [.text("Hello")])
        #expect(alone.bytewise(frame) == [.text("Hello")])
        let fragments =
            Wire.frame(1, Array(Self.hello.prefix(3)), fin: false, rsv: 4) + Wire.frame(9)
            + Wire.frame(0, Array(Self.hello.dropFirst(3)))
        #expect(alone.bytewise(fragments) == [.incomplete, .ping(ByteBuffer()), .text("Hello")])
        #expect(alone.events(Wire.frame(2, [0], rsv: 4)) == [.binary(ByteBuffer())])
    }

    @Test func aClientReadsItAsWell() {
        let run = ReaderRun(
            side: .client, agreement: DeflateAgreement(server: .init(keepsContext: false, windowBits: 12)))
        #expect(run.bytewise(Wire.frame(1, Self.hello, rsv: 4, mask: nil)) == [.text("Hello")])
    }

    @Test func plainMessagesBetweenThem() {
        let bytes =
            Wire.frame(1, Self.hello, rsv: 4) + Wire.text("plain")
            + Wire.frame(1, [0xF2, 0x00, 0x11, 0x00, 0x00], rsv: 4)
        #expect(kept.bytewise(bytes) == [.text("Hello"), .text("plain"), .text("Hello")])
        #expect(alone.events(bytes).last?.violation == .invalidPayload)
    }

    @Test func withoutAnAgreementTheBitIsReserved() {
        #expect(ReaderRun().events(Wire.frame(1, Self.hello, rsv: 4)).first?.violation == .protocolError)
    }

    @Test(arguments: [0, 8, 9, 10] as [UInt8])
    func onlyTheFirstFrameOfAMessageHasTheBit(opcode: UInt8) throws {
        let begin = opcode == 0 ? Wire.frame(1, Array(Self.hello.prefix(3)), fin: false, rsv: 4) : []
        let end = try #require(kept.ending(of: begin + Wire.frame(opcode, Self.hello, rsv: 4)))
        #expect(end == (begin.count + 1, .protocolError))
    }

    @Test func otherReservedBitsStayReserved() {
        for rsv in [1, 2, 3, 5, 6, 7] as [UInt8] {
            #expect(kept.events(Wire.frame(1, Self.hello, rsv: rsv)).first?.violation == .protocolError)
        }
    }

    @Test func corruptAndTruncatedMessages() {
        #expect(alone.events(Wire.frame(1, [0xFF, 0xFF], rsv: 4)).last?.violation == .invalidPayload)
        #expect(alone.events(Wire.frame(1, Array(Self.hello.prefix(4)), rsv: 4)).last?.violation == .invalidPayload)
    }

    @Test func whatIsInflatedMustBeUTF8() throws {
        for text in [[0x61, 0xC0], [0x61, 0xC3], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            let bytes = try deflated(text, by: try Deflater(windowBits: 15, keepsContext: false))
            #expect(alone.bytewise(Wire.frame(1, bytes, rsv: 4)).last?.violation == .invalidPayload)
            #expect(alone.bytewise(Wire.frame(2, bytes, rsv: 4)) == [.binary(ByteBuffer(bytes: text))])
        }
        // With the first byte that shows it, before the message ends.
        let long = try deflated(
            [0xFF] + Array(repeating: 0x61, count: 900), by: try Deflater(windowBits: 15, keepsContext: false))
        let frame = Wire.frame(1, long + [0], fin: false, rsv: 4)
        #expect(try #require(alone.ending(of: frame)).after < frame.count)
    }

    @Test func theLimitIsThatOfTheInflatedMessage() throws {
        let most = Wire.frame(1, try compressed(String(repeating: "a", count: 1000)), rsv: 4)
        #expect(alone.events(most) == [.text(String(repeating: "a", count: 1000))])
        let over = Wire.frame(1, try compressed(String(repeating: "a", count: 1001)), rsv: 4)
        #expect(over.count < 30)
        #expect(alone.events(over).last?.violation == .messageTooBig)
        #expect(alone.bytewise(over).last?.violation == .messageTooBig)
    }

    /// 65 KB that would fill 64 MB and a byte.
    @Test func withoutALimitThereIsOneForWhatIsInflated() throws {
        var run = alone
        run.maximum = 0
        let deflater = try Deflater(windowBits: 15, keepsContext: false)
        for (extra, isRight) in [(0, true), (1, false)] {
            var compressed = ByteBuffer()
            try deflater.compress(ByteBuffer(repeating: 0, count: (64 << 20) + extra), into: &compressed)
            let event = try #require(run.events(Wire.frame(2, Array(buffer: compressed), rsv: 4)).last)
            #expect(event.violation == (isRight ? nil : .messageTooBig))
        }
    }

    @Test func noiseThatGotLongerByCompressionFits() throws {
        var random = Seeded(3)
        let noise = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let bytes = try deflated(noise, by: try Deflater(windowBits: 9, keepsContext: false))
        #expect(bytes.count > 1000)
        #expect(alone.events(Wire.frame(2, bytes, rsv: 4)) == [.binary(ByteBuffer(bytes: noise))])
    }

    @Test func aBombOverManyFragmentsIsCutOff() throws {
        let bomb = try compressed(String(repeating: " ", count: 4 << 20))
        var bytes = Wire.frame(1, Array(bomb.prefix(1)), fin: false, rsv: 4)
        for byte in bomb.dropFirst() { bytes += Wire.frame(0, [byte], fin: false) }
        let end = try #require(alone.ending(of: bytes))
        #expect(end.code == .messageTooBig)
        #expect(end.after < 1000)
    }

    /// Blocks without content inflate to nothing for ever.
    @Test func aFloodOfEmptyBlocksIsCutOff() throws {
        let blocks = (0..<100).flatMap { _ in [0, 0, 0, 0xFF, 0xFF] as [UInt8] }
        let bytes =
            Wire.frame(2, blocks, fin: false, rsv: 4) + (0..<10).flatMap { _ in Wire.frame(0, blocks, fin: false) }
        let end = try #require(alone.ending(of: bytes))
        #expect(end.code == .messageTooBig)
        #expect(end.after < 3000)
    }

    /// Two sessions of one loop, whose messages come at the same time.
    @Test func sessionsOfOneLoopDoNotMix() throws {
        let pool = InflaterPool(capacity: 1)
        let agreement = DeflateAgreement(client: .init(keepsContext: false))
        var one = MessageReader(side: .server, maximumMessageBytes: 1000, agreement: agreement, pool: pool)
        var other = MessageReader(side: .server, maximumMessageBytes: 1000, agreement: agreement, pool: pool)
        let texts = ["Hello Hello Hello", "Good-bye Good-bye"]
        for round in 0..<3 {
            let first = Wire.frame(1, try compressed(texts[round % 2]), rsv: 4)
            let second = Wire.frame(1, try compressed(texts[1 - round % 2]), rsv: 4)
            one.feed(ByteBuffer(bytes: first.prefix(12)))
            #expect(one.next() == nil)
            other.feed(ByteBuffer(bytes: second.prefix(12)))
            #expect(other.next() == nil)
            one.feed(ByteBuffer(bytes: first.dropFirst(12)))
            #expect(one.next() == .text(texts[round % 2]))
            other.feed(ByteBuffer(bytes: second.dropFirst(12)))
            #expect(other.next() == .text(texts[1 - round % 2]))
        }
        // One that breaks off leaves nothing to the next.
        one.feed(ByteBuffer(bytes: Wire.frame(1, [0xFF, 0xFF], rsv: 4)))
        #expect(one.next()?.violation == .invalidPayload)
        other.feed(ByteBuffer(bytes: Wire.frame(1, Self.hello, rsv: 4)))
        #expect(other.next() == .text("Hello"))
    }

    @Test(arguments: Seeded.seeds)
    func everyMessageComesBack(seed: UInt64) throws {
        var random = Seeded(seed)
        for keepsContext in [true, false] {
            for bits in [9, 12, 15] {
                var run = ReaderRun(maximum: 30_000)
                run.agreement = DeflateAgreement(client: .init(keepsContext: keepsContext, windowBits: bits))
                let deflater = try Deflater(windowBits: bits, keepsContext: keepsContext)
                var bytes: [UInt8] = []
                var expected: [MessageEvent] = []
                for _ in 0..<12 {
                    let payload = Payloads.random(9000, &random)
                    let isCompressed = random.chance(80)
                    let pieces = (isCompressed ? try deflated(payload, by: deflater) : payload).cut(&random)
                    for (index, piece) in pieces.enumerated() {
                        bytes += Wire.frame(
                            index == 0 ? 2 : 0, piece, fin: index == pieces.count - 1,
                            rsv: isCompressed && index == 0 ? 4 : 0)
                        if index < pieces.count - 1 { expected.append(.incomplete) }
                    }
                    if !pieces.isEmpty { expected.append(.binary(ByteBuffer(bytes: payload))) }
                }
                let isRight = run.events(bytes.cut(&random)) == expected
                #expect(isRight, "context \(keepsContext), bits \(bits)")
            }
        }
    }
}

import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

/// RFC 6455, one test per MUST of what comes in. Each input comes at once and byte by byte.
@Suite struct MessageReaderTests {
    private func events(_ bytes: [UInt8], side: MessageReader.Side = .server, maximum: Int = 1000) -> [MessageEvent] {
        let run = ReaderRun(side: side, maximum: maximum)
        let events = run.events(bytes)
        #expect(run.bytewise(bytes) == events)
        return events
    }

    /// The one violation that ends the input, and the bytes that it takes to see it.
    private func ending(
        of bytes: [UInt8], side: MessageReader.Side = .server, maximum: Int = 1000
    ) -> (after: Int, code: CloseCode)? {
        let run = ReaderRun(side: side, maximum: maximum)
        let end = run.ending(of: bytes)
        #expect(run.events(bytes).last?.violation == end?.code)
        return end
    }

    // MARK: One frame

    @Test func wholeMessagesOfBothKinds() {
        #expect(
            events(Wire.text("hällo") + Wire.frame(2, [0xFF, 0]) + Wire.text(""))
                == [.text("hällo"), .binary(ByteBuffer(bytes: [0xFF, 0])), .text("")])
        #expect(events(Wire.text("hi", mask: nil), side: .client) == [.text("hi")])
    }

    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 100_003])
    func everyLengthAndEveryPlaceInTheMask(length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for (side, mask) in [(.server, Wire.mask), (.server, [0, 0, 0, 0]), (.client, nil)]
            as [(MessageReader.Side, [UInt8]?)]
        {
            let bytes = Wire.frame(2, payload, mask: mask)
            let run = ReaderRun(side: side, maximum: 0)
            for size in [1, 3, 8, 13, bytes.count] where size > 7 || length < 1000 {
                let pieces = stride(from: 0, to: bytes.count, by: size).map {
                    Array(bytes[$0..<min($0 + size, bytes.count)])
                }
                let isRight = run.events(pieces) == [.binary(ByteBuffer(bytes: payload))]
                #expect(isRight, "in pieces of \(size)")
            }
        }
    }

    @Test(arguments: [0, 1, 2, 8, 9, 10] as [UInt8])
    func aWrongMaskIsSeenInTheSecondByte(opcode: UInt8) throws {
        let unmasked = try #require(ending(of: Wire.frame(opcode, [1, 2], mask: nil)))
        #expect(unmasked == (2, .protocolError))
        let masked = try #require(ending(of: Wire.frame(opcode, [1, 2]), side: .client))
        #expect(masked == (2, .protocolError))
    }

    @Test(arguments: [0, 1, 2, 8, 9, 10] as [UInt8], [1, 2, 3, 4, 5, 6, 7] as [UInt8])
    func reservedBitsAreSeenInTheFirstByte(opcode: UInt8, rsv: UInt8) throws {
        let end = try #require(ending(of: Wire.frame(opcode, [3, 0xE8], rsv: rsv)))
        #expect(end.code == .protocolError)
        // Whether RSV1 may be set on a message is known when its header is read.
        #expect(end.after == (rsv == 4 && (1...2).contains(opcode) ? 6 : 1))
    }

    @Test(arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8], [true, false])
    func reservedOpcodesAreSeenInTheFirstByte(opcode: UInt8, fin: Bool) throws {
        #expect(try #require(ending(of: Wire.frame(opcode, [], fin: fin))) == (1, .protocolError))
    }

    // MARK: Lengths

    @Test(
        arguments: [
            [0x82, 0xFE, 0x00, 0x7D], [0x82, 0xFE, 0x00, 0x00], [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0], [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
            [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]])
    func lengthsThatAreNotMinimalOrNegative(header: [UInt8]) throws {
        #expect(try #require(ending(of: header + [0, 0, 0, 0])) == (header.count, .protocolError))
    }

    @Test func aDeclaredLengthIsRefusedBeforeItHasArrived() throws {
        #expect(try #require(ending(of: Wire.frame(2, Array(repeating: 0, count: 1001)))) == (8, .messageTooBig))
        let huge: [UInt8] = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
        for maximum in [1, 1000, 0, Int.max] {
            #expect(try #require(ending(of: huge, maximum: maximum)) == (14, .messageTooBig))
        }
        #expect(events(Wire.frame(2, Array(repeating: 0, count: 1000))).count == 1)
    }

    @Test func theLimitHoldsOverAllFragments() throws {
        let half = Array(repeating: UInt8(0x61), count: 500)
        let begin = Wire.frame(1, half, fin: false) + Wire.frame(0, half, fin: false)
        #expect(events(begin + Wire.frame(0)).last == .text(String(repeating: "a", count: 1000)))
        for fin in [true, false] {
            #expect(
                try #require(ending(of: begin + Wire.frame(0, [0x61], fin: fin))) == (begin.count + 6, .messageTooBig))
        }
        // Each message counts anew, and control frames do not.
        #expect(
            events((begin + Wire.frame(9, Array(half.prefix(125))) + Wire.frame(0)) + Wire.frame(2, half + half)).last
                == .binary(ByteBuffer(bytes: half + half)))
    }

    @Test func aFloodOfEmptyFragmentsIsCutOff() throws {
        let flood = Wire.frame(1, [], fin: false) + (0..<2000).flatMap { _ in Wire.frame(0, [], fin: false) }
        let end = try #require(ending(of: flood))
        #expect(end.code == .messageTooBig)
        #expect(end.after == 1001 * 6)
        let lawful = Wire.frame(1, [], fin: false) + (0..<998).flatMap { _ in Wire.frame(0, [], fin: false) }
        #expect(events(lawful + Wire.frame(0)).last == .text(""))
    }

    /// A message may come in 1000 frames, and in one more for every 16 bytes.
    @Test func aFloodOfTinyFragmentsIsCutOff() throws {
        let tiny = Wire.frame(0, [0x61], fin: false)
        let flood = Wire.frame(1, [0x61], fin: false) + Array(repeating: tiny, count: 2000).flatMap(\.self)
        let run = ReaderRun(maximum: 100_000)
        let most = 1000 + 1066 / 16
        #expect(run.events(flood).count == most + 1)
        #expect(run.events(flood).last?.violation == .messageTooBig)
        let lawful = Array(flood.prefix(most * 7 - 7)) + Wire.frame(0, [0x61])
        #expect(run.events(lawful).last == .text(String(repeating: "a", count: most)))
    }

    // MARK: Control frames

    @Test(arguments: [8, 9, 10] as [UInt8])
    func controlFramesMayNotBeFragmentedOrLong(opcode: UInt8) throws {
        #expect(try #require(ending(of: Wire.frame(opcode, [], fin: false))) == (1, .protocolError))
        #expect(try #require(ending(of: Wire.frame(opcode, Array(repeating: 0, count: 126)))) == (2, .protocolError))
        #expect(try #require(ending(of: Wire.frame(opcode, Array(repeating: 0, count: 70_000)))) == (2, .protocolError))
    }

    @Test func controlFramesCarryTheirBytes() {
        let most = Array(repeating: UInt8(0xFF), count: 125)
        #expect(
            events(Wire.frame(9, most) + Wire.frame(10, [0xFF]) + Wire.frame(9))
                == [.ping(ByteBuffer(bytes: most)), .pong(ByteBuffer(bytes: [0xFF])), .ping(ByteBuffer())])
    }

    // MARK: Fragments

    @Test func fragmentsWithControlFramesBetween() {
        let bytes =
            Wire.text("a", fin: false) + Wire.frame(9, [0x70]) + Wire.frame(0, [], fin: false) + Wire.frame(10)
            + Wire.frame(0, [0x62]) + Wire.frame(2, [0x63], fin: false) + Wire.frame(0)
        #expect(
            events(bytes) == [
                .incomplete, .ping(ByteBuffer(string: "p")), .incomplete, .pong(ByteBuffer()), .text("ab"), .incomplete,
                .binary(ByteBuffer(string: "c")),
            ])
    }

    @Test(arguments: [true, false])
    func aContinuationNeedsABeginning(fin: Bool) throws {
        #expect(try #require(ending(of: Wire.frame(0, [1], fin: fin))) == (6, .protocolError))
        let whole = Wire.text("a", fin: false) + Wire.frame(0, [0x62])
        #expect(try #require(ending(of: whole + Wire.frame(0, [1], fin: fin))) == (whole.count + 6, .protocolError))
    }

    @Test(arguments: [1, 2] as [UInt8], [true, false])
    func aNewMessageMayNotBeginWithinAnother(opcode: UInt8, fin: Bool) throws {
        let begin = Wire.text("a", fin: false)
        #expect(
            try #require(ending(of: begin + Wire.frame(opcode, [0x62], fin: fin))) == (begin.count + 6, .protocolError))
    }

    // MARK: Close frames

    @Test func closeCodesOnTheWire() {
        for number in 0...UInt16.max {
            let event = ReaderRun().events(Wire.frame(8, Wire.big(number) + Array("why".utf8))).first
            switch number {
            case 1000...1003, 1007...1014, 3000...4999:
                if event != .close(CloseCode(rawValue: number), "why") { Issue.record("\(number) was refused") }
            default: if event?.violation != .protocolError { Issue.record("\(number) was accepted") }
            }
        }
    }

    @Test func closeBodies() {
        #expect(events(Wire.frame(8)) == [.close(.noStatus, "")])
        #expect(events(Wire.frame(8, [0x0F, 0xA3])) == [.close(.replaced, "")])
        #expect(events(Wire.frame(8, [0x03])).first?.violation == .protocolError)
        #expect(events(Wire.frame(8, [0x03, 0xE8, 0xC3])).first?.violation == .invalidPayload)
        let longest = String(repeating: "x", count: 123)
        #expect(events(Wire.frame(8, [0x03, 0xE8] + Array(longest.utf8))) == [.close(.normal, longest)])
    }

    @Test func nothingIsReadAfterTheEnd() {
        #expect(events(Wire.frame(8) + Wire.text("late")) == [.close(.noStatus, "")])
        #expect(events(Wire.frame(3) + Wire.text("late")).count == 1)
        #expect(events(Wire.text("a", fin: false) + Wire.frame(8, [3, 0xE8])) == [.incomplete, .close(.normal, "")])
    }

    // MARK: Chance

    /// What NIO's decoder makes of the same bytes, put together.
    @Test(arguments: Seeded.seeds)
    func itReadsWhatNIOReads(seed: UInt64) throws {
        var random = Seeded(seed)
        for _ in 0..<100 {
            var bytes: [UInt8] = []
            for _ in 0..<(1 + random.below(4)) {
                var opcode: UInt8 = random.chance(50) ? 1 : 2
                while random.chance(60) {
                    bytes += Wire.frame(opcode, Array(Payloads.text(random.below(90), &random).utf8), fin: false)
                    opcode = 0
                    if random.chance(30) { bytes += Wire.frame(9, [1]) }
                }
                bytes += Wire.frame(opcode, Array(Payloads.text(random.below(300), &random).utf8))
            }
            let expected = Self.events(of: try Frames.decode([ByteBuffer(bytes: bytes)]))
            let events = ReaderRun().events(bytes.cut(&random))
            #expect(events.prefix(expected.count) == expected[...])
            // Else nothing follows, or the message that the limit ended.
            #expect(events.count == expected.count || events.last?.violation == .messageTooBig)
        }
    }

    /// Of lawful frames, up to the first message over 1000 bytes.
    private static func events(of frames: [WebSocketFrame]) -> [MessageEvent] {
        var events: [MessageEvent] = []
        var message = ByteBuffer()
        var kind = WebSocketOpcode.text
        for frame in frames {
            guard frame.opcode != .ping else {
                events.append(.ping(frame.unmaskedData))
                continue
            }
            if frame.opcode != .continuation { (kind, message) = (frame.opcode, ByteBuffer()) }
            message.writeImmutableBuffer(frame.unmaskedData)
            guard message.readableBytes <= 1000 else { return events }
            events.append(!frame.fin ? .incomplete : kind == .text ? .text(message) : .binary(message))
        }
        return events
    }

    @Test(arguments: Seeded.seeds)
    func nonsenseIsReadOrRefused(seed: UInt64) {
        var random = Seeded(seed)
        var refused = 0
        for _ in 0..<3000 {
            var run = ReaderRun(side: random.chance(50) ? .server : .client)
            if random.chance(50) { run.agreement = DeflateAgreement() }
            let bytes = (0..<random.below(60)).map { _ in
                random.chance(20)
                    ? [0x81, 0xC1, 0x80, 0x01, 0].randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...255, using: &random)
            }
            let events = run.events(bytes)
            #expect(run.bytewise(bytes) == events)
            if events.last?.violation != nil { refused += 1 }
        }
        #expect(refused > 500)
    }
}

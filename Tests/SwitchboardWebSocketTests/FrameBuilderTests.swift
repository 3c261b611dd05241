import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@Suite struct FrameBuilderTests {
    @Test(arguments: [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 200_000])
    func nioReadsBackEveryLength(length: Int) throws {
        let payload = ByteBuffer(bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        for opcode in [WebSocketOpcode.text, .binary, .ping, .pong]
        where length <= 125 || opcode == .text || opcode == .binary {
            let frames = try Frames.decode([FrameBuilder.message(opcode, payload)])
            let frame = try #require(frames.first)
            #expect(frames.count == 1)
            #expect(frame.fin)
            #expect(frame.opcode == opcode)
            #expect(frame.maskKey == nil)
            #expect(!frame.rsv1 && !frame.rsv2 && !frame.rsv3)
            #expect((frame.data == payload) == true)
        }
    }

    /// RFC 6455 section 5.2: the length must take the fewest bytes that hold it.
    @Test(arguments: [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
    func theHeaderIsAsShortAsCanBe(length: Int, header: Int) {
        let frame = FrameBuilder.message(.binary, ByteBuffer(repeating: 1, count: length))
        #expect(frame.readableBytes == length + header)
        #expect(header <= FrameBuilder.maximumHeaderBytes)
    }

    /// RFC 6455 section 5.7.
    @Test func theExamplesOfTheRFC() {
        #expect(
            FrameBuilder.message(.text, ByteBuffer(string: "Hello"))
                == ByteBuffer(bytes: [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]))
        #expect(
            FrameBuilder.message(.binary, ByteBuffer(repeating: 0, count: 256)).getBytes(at: 0, length: 4)
                == [0x82, 0x7E, 0x01, 0x00])
        #expect(
            FrameBuilder.message(.binary, ByteBuffer(repeating: 0, count: 65536)).getBytes(at: 0, length: 10)
                == [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0])
    }

    @Test func framesBehindEachOtherStayApart() throws {
        var bytes = FrameBuilder.message(.text, ByteBuffer(string: "one"))
        bytes.writeImmutableBuffer(FrameBuilder.message(.binary, ByteBuffer()))
        bytes.writeImmutableBuffer(FrameBuilder.message(.text, ByteBuffer(string: "three")))
        let pieces = bytes.readableBytesView.map { ByteBuffer(bytes: [$0]) }
        #expect(try Frames.decode(pieces).map { String(buffer: $0.data) } == ["one", "", "three"])
    }

    @Test func aPayloadThatStandsWithinABufferIsTakenAlone() throws {
        let buffer = ByteBuffer(string: "before-payload-after")
        let slice = try #require(buffer.getSlice(at: 7, length: 7))
        #expect(try Frames.decode([FrameBuilder.message(.text, slice)]).map { String(buffer: $0.data) } == ["payload"])
    }

    @Test(arguments: [(Payload.Format.json, WebSocketOpcode.text), (.text, .text), (.binary, .binary)])
    func rawModeSendsThePayloadVerbatim(format: Payload.Format, opcode: WebSocketOpcode) throws {
        let payload = Payload(format: format, bytes: ByteBuffer(string: "{\"a\" :\n1.0}"))
        let frame = try #require(try Frames.decode([FrameBuilder.raw(payload)]).first)
        #expect(frame.opcode == opcode)
        #expect(frame.data == payload.bytes)
    }

    @Test func framedModeSendsJSONText() throws {
        let push = ServerFrame.push(
            .init(id: "p", channel: "all", payload: Payload(format: .json, bytes: ByteBuffer(string: "{\"a\": 1.0}"))))
        let frame = try #require(try Frames.decode([FrameBuilder.framed(push)]).first)
        #expect(frame.opcode == .text)
        #expect(try ServerFrame(parsing: frame.data) == push)
    }

    private func closeEvent(_ code: CloseCode, _ reason: String) throws -> MessageEvent {
        try #require(ReaderRun(side: .client).events(Array(buffer: FrameBuilder.close(code, reason: reason))).first)
    }

    @Test(arguments: [
        CloseCode.normal, .goingAway, .malformedMessage, .replaced, .nodeDraining, CloseCode(rawValue: 4999),
    ])
    func closeFramesCarryCodeAndReason(code: CloseCode) throws {
        #expect(try closeEvent(code, "after=3 äö") == .close(code, "after=3 äö"))
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535] as [UInt16])
    func codesThatMayNotStandOnTheWireAreLeftOut(code: UInt16) throws {
        #expect(FrameBuilder.close(CloseCode(rawValue: code), reason: "why") == ByteBuffer(bytes: [0x88, 0x00]))
    }

    @Test func aLongReasonIsCutBetweenCharacters() throws {
        let reason = String(repeating: "ä", count: 100)
        let frame = FrameBuilder.close(.normal, reason: reason)
        #expect(frame.readableBytes == 2 + 2 + 122)
        #expect(try closeEvent(.normal, reason) == .close(.normal, String(repeating: "ä", count: 61)))
        #expect(
            try closeEvent(.normal, String(repeating: "x", count: 123))
                == .close(.normal, String(repeating: "x", count: 123)))
    }
}

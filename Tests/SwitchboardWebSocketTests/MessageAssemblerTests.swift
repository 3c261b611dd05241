import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@Suite struct MessageAssemblerTests {
    typealias Event = MessageAssembler.Event

    private func feed(_ frames: [WebSocketFrame], side: MessageAssembler.Side = .server, maximum: Int = 64) -> [Event] {
        var assembler = MessageAssembler(side: side, maximumMessageBytes: maximum)
        return frames.map { assembler.feed($0) }
    }

    private func text(_ text: String) -> Event { .text(ByteBuffer(string: text)) }

    /// The code with which the connection must be closed; nil when the event is no violation.
    private func violation(_ event: Event?) -> CloseCode? {
        guard case .violation(let code, let reason)? = event else { return nil }
        #expect(!reason.isEmpty && reason.utf8.count <= CloseCode.maximumReasonBytes)
        return code
    }

    // MARK: One frame

    @Test func wholeMessagesOfBothKinds() {
        #expect(
            feed([Frames.frame(.text, "hällo"), Frames.frame(.binary, [0xFF, 0]), Frames.frame(.text, "")])
                == [text("hällo"), .binary(ByteBuffer(bytes: [0xFF, 0])), text("")])
    }

    @Test func aClientReadsUnmaskedFrames() {
        #expect(feed([Frames.frame(.text, "hi", mask: nil)], side: .client) == [text("hi")])
    }

    @Test(arguments: [WebSocketOpcode.text, .binary, .continuation, .ping, .pong, .connectionClose])
    func aWrongMaskIsAProtocolError(opcode: WebSocketOpcode) {
        #expect(violation(feed([Frames.frame(opcode, "", mask: nil)], side: .server).first) == .protocolError)
        #expect(violation(feed([Frames.frame(opcode, "")], side: .client).first) == .protocolError)
    }

    @Test(arguments: [WebSocketOpcode.text, .binary, .ping, .pong, .connectionClose], [0, 1, 2])
    func reservedBitsAreAProtocolError(opcode: WebSocketOpcode, bit: Int) {
        var frame = Frames.frame(opcode, "")
        frame.rsv1 = bit == 0
        frame.rsv2 = bit == 1
        frame.rsv3 = bit == 2
        #expect(violation(feed([frame]).first) == .protocolError)
    }

    @Test(arguments: 0..<16)
    func everyOpcode(number: UInt8) throws {
        let opcode = try #require(WebSocketOpcode(encodedWebSocketOpcode: number))
        let event = feed([Frames.frame(opcode, "")]).first
        switch number {
        case 1: #expect(event == text(""))
        case 2: #expect(event == .binary(ByteBuffer()))
        case 8: #expect(event == .close(.noStatus, ""))
        case 9: #expect(event == .ping(ByteBuffer()))
        case 10: #expect(event == .pong(ByteBuffer()))
        default: #expect(violation(event) == .protocolError)
        }
    }

    @Test func controlFramesCarryTheirBytes() {
        #expect(
            feed([Frames.frame(.ping, "a"), Frames.frame(.pong, [0xFF])])
                == [.ping(ByteBuffer(string: "a")), .pong(ByteBuffer(bytes: [0xFF]))])
    }

    // MARK: Fragments

    @Test func fragmentsWithControlFramesBetween() {
        #expect(
            feed([
                Frames.frame(.text, "a", fin: false), Frames.frame(.ping, "p"),
                Frames.frame(.continuation, "", fin: false),
                Frames.frame(.pong, ""), Frames.frame(.continuation, "b"), Frames.frame(.binary, "c", fin: false),
                Frames.frame(.continuation, ""),
            ])
                == [
                    .incomplete, .ping(ByteBuffer(string: "p")), .incomplete, .pong(ByteBuffer()), text("ab"),
                    .incomplete,
                    .binary(ByteBuffer(string: "c")),
                ])
    }

    @Test func aPeerMayCloseWithinAMessage() {
        #expect(
            feed([Frames.frame(.text, "a", fin: false), Frames.frame(.connectionClose, [0x03, 0xE8])])
                == [.incomplete, .close(.normal, "")])
    }

    @Test(arguments: [true, false])
    func aContinuationNeedsABeginning(fin: Bool) {
        #expect(violation(feed([Frames.frame(.continuation, "a", fin: fin)]).first) == .protocolError)
        let after = feed([
            Frames.frame(.text, "a", fin: false), Frames.frame(.continuation, "b"),
            Frames.frame(.continuation, "c", fin: fin),
        ])
        #expect(after.prefix(2) == [.incomplete, text("ab")])
        #expect(violation(after.last) == .protocolError)
    }

    @Test(arguments: [WebSocketOpcode.text, .binary], [true, false])
    func aNewMessageMayNotBeginWithinAnother(opcode: WebSocketOpcode, fin: Bool) {
        let events = feed([Frames.frame(.text, "a", fin: false), Frames.frame(opcode, "b", fin: fin)])
        #expect(violation(events.last) == .protocolError)
    }

    // MARK: UTF-8

    private static let characters = "$\u{E9}\u{20AC}\u{1F600}\u{10FFFF}\u{0}"

    @Test func charactersMayBeSplitAcrossFragments() {
        let bytes = Array(Self.characters.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let events = feed([
                    Frames.frame(.text, Array(bytes[..<first]), fin: false),
                    Frames.frame(.continuation, Array(bytes[first..<second]), fin: false),
                    Frames.frame(.continuation, Array(bytes[second...])),
                ])
                #expect(events == [.incomplete, .incomplete, text(Self.characters)], "split at \(first) and \(second)")
            }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xC3], [0xC3, 0x28], [0xC0, 0x80], [0xE2, 0x82], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80],
            [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]])
    func textThatIsNotUTF8(bytes: [UInt8]) {
        #expect(violation(feed([Frames.frame(.text, bytes)]).first) == .invalidPayload)
        #expect(violation(feed([Frames.frame(.text, [0x61] + bytes)]).first) == .invalidPayload)
        let fragments = feed([Frames.frame(.text, bytes, fin: false), Frames.frame(.continuation, "")])
        #expect(violation(fragments.last) == .invalidPayload)
        #expect(feed([Frames.frame(.binary, bytes)]) == [.binary(ByteBuffer(bytes: bytes))])
        let reason: [UInt8] = [0x03, 0xE8, 0x61]
        #expect(violation(feed([Frames.frame(.connectionClose, reason + bytes)]).first) == .invalidPayload)
    }

    // MARK: Limits

    @Test func theLimitHoldsOverAllFragments() {
        let (four, five) = ("1234", "12345")
        #expect(feed([Frames.frame(.text, four)], maximum: 4) == [text(four)])
        #expect(violation(feed([Frames.frame(.text, five)], maximum: 4).first) == .messageTooBig)
        #expect(violation(feed([Frames.frame(.text, five, fin: false)], maximum: 4).first) == .messageTooBig)
        let fitting = feed([Frames.frame(.binary, "12", fin: false), Frames.frame(.continuation, "34")], maximum: 4)
        #expect(fitting == [.incomplete, .binary(ByteBuffer(string: four))])
        for fin in [true, false] {
            let over = feed(
                [
                    Frames.frame(.binary, "12", fin: false), Frames.frame(.continuation, "34", fin: false),
                    Frames.frame(.continuation, "5", fin: fin),
                ], maximum: 4)
            #expect(violation(over.last) == .messageTooBig)
        }
    }

    @Test func theLimitCountsEachMessageAnew() {
        let frames = Array(
            repeating: [Frames.frame(.text, "12", fin: false), Frames.frame(.continuation, "34")], count: 5)
        #expect(feed(frames.flatMap(\.self), maximum: 4).suffix(2) == [.incomplete, text("1234")])
    }

    @Test func controlFramesAreNotPartOfTheMessage() {
        let frames = [
            Frames.frame(.text, "12", fin: false), Frames.frame(.ping, "12345678"), Frames.frame(.continuation, "34"),
        ]
        #expect(feed(frames, maximum: 4).last == text("1234"))
    }

    @Test func aLimitOfZeroMeansNone() {
        let long = String(repeating: "x", count: 200_000)
        let events = feed([Frames.frame(.text, long, fin: false), Frames.frame(.continuation, long)], maximum: 0)
        #expect((events.last == text(long + long)) == true)
    }

    // MARK: Close frames

    @Test func closeCodesOnTheWire() {
        for number in 0...UInt16.max {
            let bytes = [UInt8(number >> 8), UInt8(number & 0xFF)]
            let event = feed([Frames.frame(.connectionClose, bytes + Array("why".utf8))]).first
            switch number {
            case 1000...1003, 1007...1014, 3000...4999:
                if event != .close(CloseCode(rawValue: number), "why") { Issue.record("\(number) was refused") }
            default: if violation(event) != .protocolError { Issue.record("\(number) was accepted") }
            }
        }
    }

    @Test func halfACodeIsAProtocolError() {
        #expect(violation(feed([Frames.frame(.connectionClose, [0x03])]).first) == .protocolError)
    }

    @Test func aCodeNeedsNoReason() {
        #expect(feed([Frames.frame(.connectionClose, [0x0F, 0xA3])]) == [.close(.replaced, "")])
    }
}

import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

/// The assembler behind NIO's decoder, as in a connection's pipeline.
@Suite struct DecoderAndAssemblerTests {
    private enum Expected: Equatable {
        case event(MessageAssembler.Event)
        case closes(CloseCode)
    }

    /// - Returns: What a connection would do, up to its end.
    private func run(_ pieces: [ByteBuffer], maximum: Int = 1000) -> [Expected] {
        var assembler = MessageAssembler(side: .server, maximumMessageBytes: maximum)
        let frames: [WebSocketFrame]
        do { frames = try Frames.decode(pieces, maximumFrameBytes: maximum) } catch {
            return [.closes(CloseCode(decoderError: error))]
        }
        return frames.map { frame in
            switch assembler.feed(frame) {
            case .violation(let code, _): .closes(code)
            case let event: .event(event)
            }
        }
    }

    private func bytes(_ head: [UInt8], _ payload: [UInt8] = []) -> ByteBuffer {
        // An all-zero mask leaves the payload readable.
        ByteBuffer(bytes: head + [0, 0, 0, 0] + payload)
    }

    @Test func fragmentedControlFramesAreAProtocolError() {
        for opcode in [0x08, 0x09, 0x0A] as [UInt8] {
            #expect(run([bytes([opcode, 0x80])]) == [.closes(.protocolError)])
        }
    }

    @Test func longControlFramesAreAProtocolError() {
        for opcode in [0x88, 0x89, 0x8A] as [UInt8] {
            let frame = bytes([opcode, 0xFE, 0x00, 0x7E], Array(repeating: 0x61, count: 126))
            #expect(run([frame]) == [.closes(.protocolError)])
        }
    }

    @Test func aFrameOverTheLimitIsTooBigBeforeItHasArrived() {
        #expect(run([bytes([0x82, 0xFE, 0x03, 0xE9])]) == [.closes(.messageTooBig)])
        #expect(
            run([bytes([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])]) == [.closes(.messageTooBig)])
    }

    @Test func aNegativeLengthDoesNotEndTheProcess() async {
        await #expect(processExitsWith: .success) {
            let frame = ByteBuffer(bytes: [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
            _ = try? Frames.decode([frame])
        }
    }

    /// What is sent is what comes out, for every cut of messages into fragments and of fragments into reads.
    @Test(arguments: Seeded.seeds)
    func randomMessagesInRandomPieces(seed: UInt64) throws {
        var random = Seeded(seed)
        for _ in 0..<300 {
            var frames: [WebSocketFrame] = []
            var expected: [Expected] = []
            for _ in 0..<(1 + random.below(5)) {
                let isText = random.chance(50)
                let payload =
                    isText
                    ? Array(
                        String((0..<random.below(60)).map { _ in "aé€\u{1F600}".randomElement(using: &random) ?? "a" })
                            .utf8)
                    : (0..<random.below(200)).map { _ in UInt8.random(in: 0...255, using: &random) }
                var opcode = isText ? WebSocketOpcode.text : .binary
                var rest = payload[...]
                while random.chance(60) {
                    frames.append(
                        Frames.frame(
                            opcode, Array(rest.prefix(random.below(rest.count + 1))), fin: false, mask: .random()))
                    expected.append(.event(.incomplete))
                    rest = rest.dropFirst(frames.last?.length ?? 0)
                    opcode = .continuation
                    if random.chance(30) {
                        frames.append(Frames.frame(.ping, "p", mask: .random()))
                        expected.append(.event(.ping(ByteBuffer(string: "p"))))
                    }
                }
                frames.append(Frames.frame(opcode, Array(rest), mask: .random()))
                expected.append(
                    .event(isText ? .text(ByteBuffer(bytes: payload)) : .binary(ByteBuffer(bytes: payload))))
            }
            var wire = try Frames.encode(frames)
            var pieces: [ByteBuffer] = []
            while wire.readableBytes > 0, let piece = wire.readSlice(length: 1 + random.below(wire.readableBytes)) {
                pieces.append(piece)
            }
            #expect(run(pieces) == expected)
        }
    }

    /// Nonsense is refused or read, and never ends the process.
    @Test(arguments: Seeded.seeds)
    func randomBytes(seed: UInt64) {
        var random = Seeded(seed)
        var refused = 0
        for _ in 0..<3000 {
            let bytes = (0..<random.below(40)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let isRefused = run([ByteBuffer(bytes: bytes)]).contains {
                if case .closes = $0 { true } else { false }
            }
            if isRefused { refused += 1 }
        }
        #expect(refused > 500)
    }
}

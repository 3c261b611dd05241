import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@Suite struct MessageCompressorTests {
    /// What a client reads, which was promised that window, byte by byte: so zlib checks each distance.
    private func read(_ frame: ByteBuffer, windowBits: Int) -> [MessageEvent] {
        var run = ReaderRun(side: .client, maximum: 0)
        run.agreement = DeflateAgreement(server: .init(keepsContext: true, windowBits: windowBits))
        return run.bytewise(Array(buffer: frame))
    }

    private func isCompressed(_ frame: ByteBuffer) -> Bool {
        frame.getInteger(at: frame.readerIndex, as: UInt8.self).map { $0 & 0x40 != 0 } ?? false
    }

    /// The first byte's place in memory: the same for frames that are shared.
    private func address(_ frame: ByteBuffer) -> UnsafeRawPointer? {
        frame.withUnsafeReadableBytes { $0.baseAddress.map { UnsafeRawPointer($0) } }
    }

    @Test func theExamplesOfTheRFC() throws {
        let compressor = MessageCompressor(minimumBytes: 0)
        let payload = ByteBuffer(string: "HelloHelloHello")
        let frame = compressor.frame(.text, payload, for: .standard)
        #expect(frame.getBytes(at: 0, length: 2)?.first == 0xC1)
        var kept = ByteBuffer()
        let deflater = try Deflater(windowBits: 15, keepsContext: true)
        for _ in 0..<2 { try deflater.compress(ByteBuffer(string: "Hello"), into: &kept) }
        #expect(
            kept == ByteBuffer(bytes: [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0xF2, 0x00, 0x11, 0x00, 0x00]))
    }

    @Test(arguments: Seeded.seeds, DeflateWindow.allCases)
    func everyClientReadsWhatItWasPromised(seed: UInt64, window: DeflateWindow) {
        var random = Seeded(seed)
        let compressor = MessageCompressor(minimumBytes: 0, level: 9)
        var compressed = 0
        for most in [100, 260, 600, 4000, 30_000] {
            for index in 0..<3 {
                let payload = ByteBuffer(
                    bytes: index == 0 ? Array(Payloads.text(most, &random).utf8) : Payloads.random(most, &random))
                let frame = compressor.frame(.binary, payload, for: window)
                if isCompressed(frame) { compressed += 1 }
                let isRight = read(frame, windowBits: window.rawValue) == [.binary(payload)]
                #expect(isRight, "\(payload.readableBytes) bytes")
                #expect(frame.readableBytes <= payload.readableBytes + 10)
            }
        }
        // The longer texts at least.
        #expect(compressed >= 3)
    }

    @Test func whatGetsNoShorterIsSentAsItIs() {
        var random = Seeded(7)
        let compressor = MessageCompressor()
        let short = ByteBuffer(string: String(repeating: "a", count: 127))
        let long = ByteBuffer(string: String(repeating: "a", count: 128))
        let noise = ByteBuffer(bytes: (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(compressor.frame(.text, short, for: .standard) == FrameBuilder.message(.text, short))
        #expect(compressor.frame(.text, noise, for: .standard) == FrameBuilder.message(.text, noise))
        #expect(compressor.frame(.text, long, for: nil) == FrameBuilder.message(.text, long))
        #expect(isCompressed(compressor.frame(.text, long, for: .small)))
        #expect(
            MessageCompressor(minimumBytes: 0).frame(.text, ByteBuffer(), for: .small)
                == FrameBuilder.message(.text, ByteBuffer()))
    }

    @Test func aBroadcastIsCompressedOnce() {
        let payload = ByteBuffer(string: String(repeating: "price 12.90, ", count: 800))
        var frames = SharedFrames(.text, payload)
        let (one, other) = (MessageCompressor(), MessageCompressor())
        let standard = frames.frame(for: .standard, by: one)
        let small = frames.frame(for: .small, by: one)
        #expect(frames.plain == FrameBuilder.message(.text, payload))
        #expect(frames.frame(for: nil, by: one) == frames.plain)
        #expect(isCompressed(standard) && isCompressed(small))
        #expect(standard.readableBytes < 200)
        #expect(address(frames.frame(for: .standard, by: other)) == address(standard))
        #expect(address(frames.frame(for: .small, by: other)) == address(small))
        #expect(address(standard) != address(small))
        #expect(read(small, windowBits: 9) == [.text(payload)])
        #expect(read(standard, windowBits: 12) == [.text(payload)])
    }

    @Test(arguments: [130, 250])
    func aShortBroadcastHasOneFrameForAllWindows(count: Int) {
        var frames = SharedFrames(.text, ByteBuffer(string: String(repeating: "a", count: count)))
        let compressor = MessageCompressor()
        let standard = frames.frame(for: .standard, by: compressor)
        #expect(isCompressed(standard))
        #expect(address(frames.frame(for: .small, by: compressor)) == address(standard))
    }

    @Test func aBroadcastThatGetsNoShorterIsShared() {
        var random = Seeded(8)
        var frames = SharedFrames(
            .binary, ByteBuffer(bytes: (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }))
        let compressor = MessageCompressor()
        for window in DeflateWindow.allCases + DeflateWindow.allCases {
            #expect(address(frames.frame(for: window, by: compressor)) == address(frames.plain))
        }
    }

    @Test func pushesInBothModes() throws {
        let payload = Payload(format: .json, bytes: ByteBuffer(string: "[\(String(repeating: "12.90, ", count: 99))0]"))
        let push = ServerFrame.push(.init(id: "p", channel: "all", payload: payload))
        let compressor = MessageCompressor()
        var (raw, framed) = (SharedFrames(raw: payload), SharedFrames(framed: push))
        #expect(raw.plain == FrameBuilder.raw(payload))
        #expect(framed.plain == FrameBuilder.framed(push))
        #expect(compressor.raw(payload, for: nil) == raw.plain)
        #expect(compressor.framed(push, for: nil) == framed.plain)
        #expect(compressor.raw(payload, for: .standard) == raw.frame(for: .standard, by: compressor))
        let frame = compressor.framed(push, for: .standard)
        #expect(frame == framed.frame(for: .standard, by: compressor))
        #expect(isCompressed(frame))
        guard case .text(let text)? = read(frame, windowBits: 12).first else { throw Unreadable() }
        #expect(try ServerFrame(parsing: text) == push)
        let binary = Payload(format: .binary, bytes: ByteBuffer(bytes: [0xFF]))
        #expect(SharedFrames(raw: binary).plain == FrameBuilder.raw(binary))
    }

    private struct Unreadable: Error {}

    @Test func withContextEveryMessageThatWasTriedIsSent() throws {
        var random = Seeded(9)
        let noise = ByteBuffer(bytes: (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let (kept, alone) = (
            try Deflater(windowBits: 15, keepsContext: true), try Deflater(windowBits: 15, keepsContext: false)
        )
        #expect(try alone.compressed(noise, minimumBytes: 128) == nil)
        let first = try #require(try kept.compressed(noise, minimumBytes: 128))
        #expect(first.readableBytes > noise.readableBytes)
        // The second one is nothing but a reference to the first.
        #expect(try #require(try kept.compressed(noise, minimumBytes: 128)).readableBytes < 200)
        #expect(try kept.compressed(ByteBuffer(string: "short"), minimumBytes: 128) == nil)
    }
}

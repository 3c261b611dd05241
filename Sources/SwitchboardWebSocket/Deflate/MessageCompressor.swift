public import NIOCore
public import NIOWebSocket
public import SwitchboardProtocol

/// Compresses what a server sends, each message by itself (`server_no_context_takeover`), so its frames serve all sessions.
///
/// One for each event loop; it holds 38 KB for the usual window, and as much as its longest message of late took.
public final class MessageCompressor {
    private let minimumBytes: Int
    private let level: Int
    private var deflaters: [DeflateWindow: Deflater] = [:]
    private var scratch = ByteBuffer()

    /// - Parameters:
    ///   - minimumBytes: Shorter messages are sent as they are: they gain next to nothing.
    ///   - level: zlib's, 1 (fast) to 9 (small).
    public init(minimumBytes: Int = 128, level: Int = 6) {
        self.minimumBytes = minimumBytes
        self.level = level
    }

    /// A message for one session.
    ///
    /// - Parameter window: What the session's ``DeflatePolicy/Answer`` says; nil for a session without compression.
    public func frame(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, for window: DeflateWindow?) -> ByteBuffer {
        window.flatMap { compressedFrame(opcode, payload, for: $0.narrowed(for: payload.readableBytes)) }
            ?? FrameBuilder.message(opcode, payload)
    }

    /// As ``FrameBuilder/raw(_:)``, for one session.
    public func raw(_ payload: Payload, for window: DeflateWindow?) -> ByteBuffer {
        frame(FrameBuilder.opcode(of: payload), payload.bytes, for: window)
    }

    /// As ``FrameBuilder/framed(_:)``, for one session.
    public func framed(_ serverFrame: ServerFrame, for window: DeflateWindow?) -> ByteBuffer {
        frame(.text, FrameBuilder.text(of: serverFrame), for: window)
    }

    /// - Returns: nil when the message had better be sent as it is.
    func compressedFrame(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, for window: DeflateWindow) -> ByteBuffer? {
        guard payload.readableBytes >= minimumBytes, let deflater = deflater(for: window) else { return nil }
        scratch.clear()
        defer { if scratch.capacity > Self.largestScratch { scratch = ByteBuffer() } }
        do throws(DeflateError) { try deflater.compress(payload, into: &scratch) } catch { return nil }
        guard scratch.readableBytes < payload.readableBytes else { return nil }
        return FrameBuilder.message(opcode, scratch, isCompressed: true)
    }

    /// Without memory for it nothing is compressed, which every client has to understand.
    private func deflater(for window: DeflateWindow) -> Deflater? {
        if let deflater = deflaters[window] { return deflater }
        let deflater = try? Deflater(windowBits: window.rawValue, keepsContext: false, level: level)
        deflaters[window] = deflater
        return deflater
    }

    private static let largestScratch = 1 << 18
}

public import NIOCore
public import NIOWebSocket
public import SwitchboardProtocol

/// One message for many sessions: its frame as it is, and its compressed frames, each made once, when first needed.
public struct SharedFrames: Sendable {
    private enum Compressed: Sendable {
        case untried
        case frame(ByteBuffer)
        /// Compressing it brings nothing.
        case useless
    }

    private let opcode: WebSocketOpcode
    private let payload: ByteBuffer
    /// The message uncompressed.
    public let plain: ByteBuffer
    private var small = Compressed.untried
    private var standard = Compressed.untried

    public init(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) {
        self.opcode = opcode
        plain = FrameBuilder.message(opcode, payload)
        // The frame has the payload at its end: its bytes are held once.
        let count = payload.readableBytes
        self.payload = plain.getSlice(at: plain.writerIndex - count, length: count) ?? payload
    }

    /// As ``FrameBuilder/raw(_:)``.
    public init(raw payload: Payload) { self.init(FrameBuilder.opcode(of: payload), payload.bytes) }

    /// As ``FrameBuilder/framed(_:)``.
    public init(framed serverFrame: ServerFrame) { self.init(.text, FrameBuilder.text(of: serverFrame)) }

    /// The frame for a session.
    ///
    /// - Parameters:
    ///   - window: What the session's ``DeflatePolicy/Answer`` says; nil for a session without compression.
    ///   - compressor: That of the event loop.
    public mutating func frame(for window: DeflateWindow?, by compressor: MessageCompressor) -> ByteBuffer {
        switch window?.narrowed(for: payload.readableBytes) {
        case nil: plain
        case .small: frame(\.small, .small, compressor)
        case .standard: frame(\.standard, .standard, compressor)
        }
    }

    private mutating func frame(
        _ place: WritableKeyPath<Self, Compressed>, _ window: DeflateWindow, _ compressor: MessageCompressor
    ) -> ByteBuffer {
        switch self[keyPath: place] {
        case .frame(let frame): return frame
        case .useless: return plain
        case .untried:
            guard let frame = compressor.compressedFrame(opcode, payload, for: window) else {
                self[keyPath: place] = .useless
                return plain
            }
            self[keyPath: place] = .frame(frame)
            return frame
        }
    }
}

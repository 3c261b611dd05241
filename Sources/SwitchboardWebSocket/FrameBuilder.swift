public import NIOCore
public import NIOWebSocket
public import SwitchboardProtocol

/// Builds finished, unmasked WebSocket frames (RFC 6455 section 5.2), as a server sends them.
///
/// A push is framed once and its bytes are shared by all receivers, so the frame is built here instead of by an encoder in
/// each connection's pipeline.
public enum FrameBuilder {
    /// The longest header of an unmasked frame.
    public static let maximumHeaderBytes = 10

    /// A single-frame message.
    ///
    /// - Parameter isCompressed: The payload is what a ``Deflater`` has made of the message (RFC 7692 section 7.2.1).
    public static func message(
        _ opcode: WebSocketOpcode, _ payload: ByteBuffer, isCompressed: Bool = false
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.reserveCapacity(payload.readableBytes + maximumHeaderBytes)
        writeHeader(opcode, isCompressed: isCompressed, length: payload.readableBytes, into: &frame)
        frame.writeImmutableBuffer(payload)
        return frame
    }

    /// The verbatim form of a push for raw connections: text or binary, as it was sent.
    public static func raw(_ payload: Payload) -> ByteBuffer {
        message(opcode(of: payload), payload.bytes)
    }

    static func opcode(of payload: Payload) -> WebSocketOpcode { payload.format == .binary ? .binary : .text }

    /// The JSON text frame of a framed connection.
    public static func framed(_ serverFrame: ServerFrame) -> ByteBuffer {
        message(.text, text(of: serverFrame))
    }

    static func text(of serverFrame: ServerFrame) -> ByteBuffer {
        var text = ByteBuffer()
        serverFrame.write(into: &text)
        return text
    }

    /// A close frame; codes that may not stand on the wire are sent as an empty body (RFC 6455 section 7.4.1).
    public static func close(_ code: CloseCode, reason: String) -> ByteBuffer {
        var body = ByteBuffer()
        if code.mayBeSent {
            body.writeInteger(code.rawValue)
            body.writeString(CloseCode.fitted(reason: reason))
        }
        return message(.connectionClose, body)
    }

    private static func writeHeader(
        _ opcode: WebSocketOpcode, isCompressed: Bool, length: Int, into frame: inout ByteBuffer
    ) {
        frame.writeInteger((isCompressed ? 0xC0 : 0x80) | UInt8(webSocketOpcode: opcode))
        switch length {
        case 0...125: frame.writeInteger(UInt8(length))
        case 126...0xFFFF:
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(length))
        default:
            frame.writeInteger(UInt8(127))
            frame.writeInteger(UInt64(length))
        }
    }
}

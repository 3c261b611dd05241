import NIOCore
import NIOWebSocket

/// Frames as a client sends them (RFC 6455 section 5.2), right or wrong.
enum ClientBytes {
    private static let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    /// - Parameter first: The bits of the first byte above the opcode: FIN is 0x80, RSV1 0x40.
    static func frame(
        _ opcode: WebSocketOpcode, _ payload: some Sequence<UInt8>, first: UInt8 = 0x80, isMasked: Bool = true
    ) -> ByteBuffer {
        let payload = Array(payload)
        var frame = ByteBuffer()
        frame.writeInteger(first | UInt8(webSocketOpcode: opcode))
        let flag: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case ..<126: frame.writeInteger(flag | UInt8(payload.count))
        case ..<65_536:
            frame.writeInteger(flag | 126)
            frame.writeInteger(UInt16(payload.count))
        default:
            frame.writeInteger(flag | 127)
            frame.writeInteger(UInt64(payload.count))
        }
        guard isMasked else {
            frame.writeBytes(payload)
            return frame
        }
        frame.writeBytes(mask)
        frame.writeBytes(payload.enumerated().map { $1 ^ mask[$0 % 4] })
        return frame
    }

    static func text(_ text: String) -> ByteBuffer { frame(.text, text.utf8) }
}

import NIOCore
import NIOWebSocket

/// The header of a frame, checked for all that it can break by itself (RFC 6455 section 5.2), as soon as it does.
struct FrameHeader: Hashable, Sendable {
    let opcode: WebSocketOpcode
    let isFinal: Bool
    /// RSV1: the message is compressed (RFC 7692 section 6).
    let isCompressed: Bool
    let length: Int
    /// The four bytes of the mask, in network order; nil when the frame has none.
    let mask: UInt32?

    enum Reading: Hashable, Sendable {
        case header(FrameHeader)
        /// More bytes are needed.
        case incomplete
        /// What the protocol error is.
        case violation(String)
    }

    var isControl: Bool { UInt8(webSocketOpcode: opcode) >= 8 }

    /// Takes a header from the front; as long as it is not complete, nothing.
    static func read(from input: inout ByteBuffer, side: MessageReader.Side) -> Reading {
        let start = input.readerIndex
        guard let first = input.getInteger(at: start, as: UInt8.self) else { return .incomplete }
        guard first & 0x30 == 0 else { return .violation("reserved bits are set") }
        let number = first & 0x0F
        guard [0, 1, 2, 8, 9, 10].contains(number), let opcode = WebSocketOpcode(encodedWebSocketOpcode: number) else {
            return .violation("unknown opcode")
        }
        let isFinal = first & 0x80 != 0
        let isCompressed = first & 0x40 != 0
        let isControl = number >= 8
        guard isFinal || !isControl else { return .violation("a fragmented control frame") }
        guard !isCompressed || number == 1 || number == 2 else { return .violation("reserved bits are set") }

        guard let second = input.getInteger(at: start + 1, as: UInt8.self) else { return .incomplete }
        let isMasked = second & 0x80 != 0
        guard isMasked == (side == .server) else {
            return .violation(
                side == .server ? "a client frame must be masked" : "a server frame must not be masked")
        }
        let length: Int
        var end = start + 2
        switch second & 0x7F {
        case let short where short < 126: length = Int(short)
        case _ where isControl: return .violation("a control frame may have 125 bytes")
        case 126:
            guard let value = input.getInteger(at: end, as: UInt16.self) else { return .incomplete }
            guard value > 125 else { return .violation("a length that takes more bytes than it needs") }
            length = Int(value)
            end += 2
        default:
            guard let value = input.getInteger(at: end, as: UInt64.self) else { return .incomplete }
            guard let whole = Int(exactly: value) else { return .violation("a length of more than 63 bits") }
            guard whole > 0xFFFF else { return .violation("a length that takes more bytes than it needs") }
            length = whole
            end += 8
        }
        var mask: UInt32?
        if isMasked {
            guard let key = input.getInteger(at: end, as: UInt32.self) else { return .incomplete }
            mask = key
            end += 4
        }
        input.moveReaderIndex(to: end)
        return .header(
            FrameHeader(opcode: opcode, isFinal: isFinal, isCompressed: isCompressed, length: length, mask: mask))
    }
}

public import NIOCore
public import NIOWebSocket
public import SwitchboardProtocol

/// Makes messages of frames and checks what RFC 6455 asks of them; a struct without I/O, for either side.
///
/// After ``Event/violation(_:_:)`` or ``Event/close(_:_:)`` the connection is over and nothing more may be fed.
public struct MessageAssembler {
    public enum Event: Hashable, Sendable {
        /// A fragment that is not the last: nothing to do yet.
        case incomplete
        case text(ByteBuffer)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        /// The peer closes; ``CloseCode/noStatus`` when it gave no code.
        case close(CloseCode, String)
        /// The peer broke the protocol: close with this code and reason.
        case violation(CloseCode, String)
    }

    /// Which side reads: a server demands masked frames, a client unmasked ones (RFC 6455 section 5.1).
    public enum Side: Sendable { case server, client }

    private let side: Side
    private let maximumMessageBytes: Int
    private var fragments: (opcode: WebSocketOpcode, bytes: ByteBuffer)?

    /// - Parameter maximumMessageBytes: The longest message, over all its fragments; 0 means no limit.
    public init(side: Side, maximumMessageBytes: Int) {
        self.side = side
        self.maximumMessageBytes = maximumMessageBytes
    }

    public mutating func feed(_ frame: WebSocketFrame) -> Event {
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return .violation(.protocolError, "reserved bits are set") }
        guard (frame.maskKey != nil) == (side == .server) else {
            return .violation(
                .protocolError, side == .server ? "a client frame must be masked" : "a server frame must not be masked")
        }
        switch frame.opcode {
        case .text, .binary: return begin(frame)
        case .continuation: return go(on: frame)
        case .ping: return .ping(frame.unmaskedData)
        case .pong: return .pong(frame.unmaskedData)
        case .connectionClose: return Self.close(frame.unmaskedData)
        default: return .violation(.protocolError, "unknown opcode")
        }
    }

    private mutating func begin(_ frame: WebSocketFrame) -> Event {
        guard fragments == nil else {
            return .violation(.protocolError, "a new message begins within a fragmented one")
        }
        let bytes = frame.unmaskedData
        guard fits(bytes.readableBytes) else { return tooBig }
        guard frame.fin else {
            fragments = (frame.opcode, bytes)
            return .incomplete
        }
        return finish(frame.opcode, bytes)
    }

    private mutating func go(on frame: WebSocketFrame) -> Event {
        guard var message = fragments else { return .violation(.protocolError, "nothing to continue") }
        fragments = nil
        var bytes = frame.unmaskedData
        guard fits(message.bytes.readableBytes + bytes.readableBytes) else { return tooBig }
        message.bytes.writeBuffer(&bytes)
        guard frame.fin else {
            fragments = message
            return .incomplete
        }
        return finish(message.opcode, message.bytes)
    }

    private func finish(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer) -> Event {
        guard opcode == .text else { return .binary(bytes) }
        return UTF8Text.isValid(bytes) ? .text(bytes) : .violation(.invalidPayload, "text that is not UTF-8")
    }

    private func fits(_ count: Int) -> Bool { maximumMessageBytes == 0 || count <= maximumMessageBytes }

    private var tooBig: Event { .violation(.messageTooBig, "a message may have \(maximumMessageBytes) bytes") }

    private static func close(_ body: ByteBuffer) -> Event {
        var body = body
        guard body.readableBytes > 0 else { return .close(.noStatus, "") }
        guard let number = body.readInteger(as: UInt16.self) else {
            return .violation(.protocolError, "a close frame with half a code")
        }
        let code = CloseCode(rawValue: number)
        guard code.mayBeSent else { return .violation(.protocolError, "the close code \(number) is not allowed") }
        guard UTF8Text.isValid(body) else { return .violation(.invalidPayload, "a close reason that is not UTF-8") }
        return .close(code, String(buffer: body))
    }
}

extension CloseCode {
    /// The close code for an error that NIO's frame decoder found.
    public init(decoderError error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: self = .messageTooBig
        default: self = .protocolError
        }
    }
}

public import NIOCore
public import SwitchboardProtocol

/// What a peer's frames amount to.
///
/// After ``violation(_:_:)`` or ``close(_:_:)`` the connection is over and nothing more may be fed.
public enum MessageEvent: Hashable, Sendable {
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

extension MessageEvent {
    /// - Parameter body: The payload of a close frame (RFC 6455 section 5.5.1).
    init(closeBody body: ByteBuffer) {
        var body = body
        guard body.readableBytes > 0 else {
            self = .close(.noStatus, "")
            return
        }
        guard let number = body.readInteger(as: UInt16.self) else {
            self = .violation(.protocolError, "a close frame with half a code")
            return
        }
        let code = CloseCode(rawValue: number)
        guard code.mayBeSent else {
            self = .violation(.protocolError, "the close code \(number) is not allowed")
            return
        }
        guard UTF8Text.isValid(body) else {
            self = .violation(.invalidPayload, "a close reason that is not UTF-8")
            return
        }
        self = .close(code, String(buffer: body))
    }
}

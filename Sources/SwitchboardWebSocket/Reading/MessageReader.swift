public import NIOCore
import NIOWebSocket
import SwitchboardProtocol

/// Reads a peer's bytes as messages, for either side, and holds the peer to RFC 6455 and RFC 7692: every rule as soon as a
/// byte breaks it, every limit before memory is taken. A struct without I/O.
///
/// ```swift
/// reader.feed(bytes)
/// while let event = reader.next() { ... }
/// ```
///
/// After ``MessageEvent/violation(_:_:)`` or ``MessageEvent/close(_:_:)`` it passes over what follows.
public struct MessageReader: ~Copyable {
    /// Which side reads: a server demands masked frames, a client unmasked ones (RFC 6455 section 5.1).
    public enum Side: Sendable { case server, client }

    private let side: Side
    private let limits: MessageLimits
    private var inflation: Inflation?
    /// What has not been read yet: less than a header, between calls.
    private var input = ByteBuffer()
    /// The frame whose payload is under way.
    private var frame: FrameHeader?
    /// How much of its payload has been read.
    private var position = 0
    /// The payload of a control frame.
    private var control = ByteBuffer()
    private var message: MessageBody?
    private var isOver = false

    /// - Parameters:
    ///   - maximumMessageBytes: The longest message, over all its fragments, inflated; 0 means what memory can hold, and for
    ///     compressed messages 64 MB.
    ///   - agreement: What was agreed on for `permessage-deflate`; nil without compression.
    ///   - pool: Lends inflaters for messages without context; that of the event loop.
    public init(
        side: Side, maximumMessageBytes: Int, agreement: DeflateAgreement? = nil, pool: InflaterPool = InflaterPool()
    ) {
        self.side = side
        limits = MessageLimits(maximumMessageBytes: maximumMessageBytes)
        inflation = agreement.map { Inflation($0.inbound(for: side), pool: pool) }
    }

    /// Takes bytes; call ``next()`` until it has nothing more before the next bytes come.
    public mutating func feed(_ bytes: ByteBuffer) {
        guard !isOver else { return }
        guard input.readableBytes > 0 else {
            input = bytes
            return
        }
        var joined = ByteBuffer()
        joined.reserveCapacity(input.readableBytes + bytes.readableBytes)
        joined.writeImmutableBuffer(input)
        joined.writeImmutableBuffer(bytes)
        input = joined
    }

    /// The next thing that the peer's bytes amount to; nil until more come.
    public mutating func next() -> MessageEvent? {
        guard !isOver else { return nil }
        let event: MessageEvent?
        do throws(Violation) { event = try read() } catch { event = .violation(error.code, error.reason) }
        switch event {
        case .violation, .close: end()
        case nil: detach()
        default: break
        }
        return event
    }

    /// What is left is less than a header, and must not hold on to all of what was read with it.
    private mutating func detach() {
        var own = ByteBuffer()
        if input.readableBytes > 0 { own.writeImmutableBuffer(input) }
        input = own
    }

    private mutating func end() {
        isOver = true
        input = ByteBuffer()
        message = nil
        inflation = nil
    }

    private mutating func read() throws(Violation) -> MessageEvent? {
        if frame == nil {
            switch FrameHeader.read(from: &input, side: side) {
            case .incomplete: return nil
            case .violation(let reason): throw Violation(.protocolError, reason)
            case .header(let header):
                try begin(header)
                frame = header
                position = 0
            }
        }
        guard let frame else { return nil }
        if let piece = input.readSlice(length: min(frame.length - position, input.readableBytes)) {
            try take(piece, of: frame)
        }
        guard position == frame.length else { return nil }
        self.frame = nil
        return try finish(frame)
    }

    /// What the header asks for in this place, before any of the payload is taken.
    private mutating func begin(_ header: FrameHeader) throws(Violation) {
        guard !header.isControl else {
            control = ByteBuffer()
            return
        }
        if header.opcode == .continuation {
            guard message != nil else { throw Violation(.protocolError, "nothing to continue") }
        } else {
            guard message == nil else {
                throw Violation(.protocolError, "a new message begins within a fragmented one")
            }
            var inflater: Inflater?
            if header.isCompressed {
                guard inflation != nil else { throw Violation(.protocolError, "reserved bits are set") }
                do throws(DeflateError) { inflater = try inflation?.take() } catch { throw Violation(error, limits) }
            }
            message = MessageBody(isText: header.opcode == .text, inflater: inflater)
        }
        try message?.expect(header.length, limits)
    }

    private mutating func take(_ piece: ByteBuffer, of frame: FrameHeader) throws(Violation) {
        if frame.isControl {
            control.writeUnmasked(piece, mask: frame.mask, offset: position)
        } else {
            try message?.take(piece, mask: frame.mask, offset: position, limits)
        }
        position += piece.readableBytes
    }

    private mutating func finish(_ frame: FrameHeader) throws(Violation) -> MessageEvent {
        switch frame.opcode {
        case .ping: return .ping(control)
        case .pong: return .pong(control)
        case .connectionClose: return MessageEvent(closeBody: control)
        default:
            guard frame.isFinal else { return .incomplete }
            let event = try message?.finish(limits) ?? .incomplete
            if let inflater = message?.inflater { inflation?.give(inflater) }
            message = nil
            return event
        }
    }
}

import NIOCore
import NIOWebSocket
import SwitchboardProtocol

@testable import SwitchboardWebSocket

/// A reading of all of a peer's bytes at once, in the words of RFC 6455 section 5 and without a thought for speed: what the
/// reader that is used must agree with.
struct PlainReading {
    private(set) var events: [MessageEvent] = []

    private struct Message {
        let isText: Bool
        let isCompressed: Bool
        var wire: [UInt8] = []
        var announced = 0
        var fragments = 0
    }

    private struct Frame {
        var isFinal = false
        var isCompressed = false
        var opcode: UInt8 = 0
        var length = 0
        var payload: [UInt8] = []
        var isWhole: Bool { payload.count == length }
        var isControl: Bool { opcode >= 8 }
    }

    private let limit: Int
    private let inflation: PlainInflation?
    private var message: Message?

    init(_ bytes: ByteBuffer, side: MessageReader.Side, limit: Int, agreement: DeflateAgreement?) {
        self.limit = limit
        inflation = agreement.map { PlainInflation($0.inbound(for: side)) }
        var rest = Array(bytes.readableBytesView)[...]
        do throws(Violation) {
            while let frame = try Self.frame(
                &rest, isMasked: side == .server, { header throws(Violation) in try begin(header) })
            {
                guard let event = try take(frame) else { return }
                events.append(event)
                if case .close = event { return }
            }
        } catch { events.append(.violation(error.code, error.reason)) }
    }

    /// Section 5.2.
    ///
    /// - Parameter begin: Told of the header, before its payload.
    /// - Returns: The next frame, perhaps with a part of its payload only; nil without a whole header.
    private static func frame(
        _ rest: inout ArraySlice<UInt8>, isMasked: Bool, _ begin: (Frame) throws(Violation) -> Void
    ) throws(Violation) -> Frame? {
        var frame = Frame()
        guard let first = rest.popFirst() else { return nil }
        frame.isFinal = first & 0x80 != 0
        frame.isCompressed = first & 0x40 != 0
        frame.opcode = first & 0x0F
        let isBroken =
            first & 0x30 != 0 || ![0, 1, 2, 8, 9, 10].contains(frame.opcode) || frame.isControl && !frame.isFinal
            || frame.isCompressed && frame.opcode != 1 && frame.opcode != 2
        guard !isBroken else { throw Violation(.protocolError, "first byte") }
        guard let second = rest.popFirst() else { return nil }
        guard (second & 0x80 != 0) == isMasked else { throw Violation(.protocolError, "mask") }
        let short = Int(second & 0x7F)
        guard !frame.isControl || short < 126 else { throw Violation(.protocolError, "length of a control frame") }
        let more = short < 126 ? 0 : short == 126 ? 2 : 8
        guard rest.count >= more else { return nil }
        let long = rest.prefix(more).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(more)
        guard more == 0 || more == 2 && long > 125 || more == 8 && long > 0xFFFF && long < 1 << 63 else {
            throw Violation(.protocolError, "length")
        }
        frame.length = more == 0 ? short : Int(long)
        guard !isMasked || rest.count >= 4 else { return nil }
        let mask = Array(rest.prefix(isMasked ? 4 : 0))
        rest = rest.dropFirst(mask.count)
        try begin(frame)
        frame.payload = rest.prefix(frame.length).enumerated().map { index, byte in
            isMasked ? byte ^ mask[index % 4] : byte
        }
        rest = rest.dropFirst(frame.payload.count)
        return frame
    }

    private mutating func begin(_ frame: Frame) throws(Violation) {
        guard !frame.isControl else { return }
        guard (frame.opcode == 0) == (message != nil) else { throw Violation(.protocolError, "order of fragments") }
        guard !frame.isCompressed || inflation != nil else { throw Violation(.protocolError, "RSV1") }
        var message = self.message ?? Message(isText: frame.opcode == 1, isCompressed: frame.isCompressed)
        let most = message.isCompressed ? MessageLimits(maximumMessageBytes: limit).compressedBytes : limit
        guard frame.length <= most, message.announced <= most - frame.length else {
            throw Violation(.messageTooBig, "length")
        }
        message.announced += frame.length
        message.fragments += 1
        guard message.fragments <= MessageLimits.fragments(for: message.announced) else {
            throw Violation(.messageTooBig, "fragments")
        }
        self.message = message
    }

    /// - Returns: nil when the frame is not whole.
    private mutating func take(_ frame: Frame) throws(Violation) -> MessageEvent? {
        if frame.isControl {
            guard frame.isWhole else { return nil }
            let payload = ByteBuffer(bytes: frame.payload)
            switch frame.opcode {
            case 8: return try Self.close(frame.payload)
            case 9: return .ping(payload)
            default: return .pong(payload)
            }
        }
        guard var message else { return nil }
        message.wire += frame.payload
        self.message = message
        let isWhole = frame.isWhole && frame.isFinal
        let bytes = try inflated(message, isWhole: isWhole)
        guard !message.isText || Self.isText(bytes, isWhole: isWhole) else { throw Violation(.invalidPayload, "UTF-8") }
        guard frame.isWhole else { return nil }
        guard frame.isFinal else { return .incomplete }
        self.message = nil
        return message.isText ? .text(ByteBuffer(bytes: bytes)) : .binary(ByteBuffer(bytes: bytes))
    }

    private func inflated(_ message: Message, isWhole: Bool) throws(Violation) -> [UInt8] {
        guard message.isCompressed, let inflation else { return message.wire }
        let (bytes, fault) = inflation.inflate(message.wire, isWhole: isWhole, limit: limit)
        guard let fault else { return bytes }
        // A text that is none shows before what came behind it.
        guard !message.isText || Self.isText(bytes, isWhole: false) else { throw Violation(.invalidPayload, "UTF-8") }
        throw Violation(fault, MessageLimits(maximumMessageBytes: limit))
    }

    /// Section 8.1; a text that is not whole may end within a character.
    private static func isText(_ bytes: [UInt8], isWhole: Bool) -> Bool {
        if String(validating: bytes, as: UTF8.self) != nil { return true }
        guard !isWhole, let lead = bytes.suffix(3).lastIndex(where: { $0 & 0xC0 == 0xC0 }) else { return false }
        return String(validating: bytes[..<lead], as: UTF8.self) != nil
            && ends.contains { String(validating: bytes[lead...] + $0, as: UTF8.self) != nil }
    }

    /// Between them they complete every character that can be completed.
    private static let ends: [[UInt8]] = [0x80, 0x90, 0xA0, 0xBF].flatMap { [[$0], [$0, 0x80], [$0, 0x80, 0x80]] }

    /// Sections 5.5.1 and 7.4.
    private static func close(_ payload: [UInt8]) throws(Violation) -> MessageEvent {
        if payload.isEmpty { return .close(.noStatus, "") }
        guard payload.count > 1 else { throw Violation(.protocolError, "half a code") }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        let isAllowed: Bool =
            switch code {
            case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014: true
            default: (3000...4999).contains(code)
            }
        guard isAllowed else { throw Violation(.protocolError, "code") }
        guard let reason = String(validating: payload.dropFirst(2), as: UTF8.self) else {
            throw Violation(.invalidPayload, "reason")
        }
        return .close(CloseCode(rawValue: code), reason)
    }
}

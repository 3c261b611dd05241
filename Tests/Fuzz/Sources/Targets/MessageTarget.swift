import NIOCore
import NIOWebSocket
import SwitchboardProtocol

@testable import SwitchboardWebSocket

/// What a peer sends over a WebSocket: the same messages however the bytes arrive, those that a plain reading of RFC 6455 and
/// RFC 7692 finds, each within the limit. What is built here is read as it was meant.
///
/// The last byte of an input says which side reads, and what was agreed on. The window is the largest: with a smaller one it
/// depends on the reads whether zlib notices a reference that goes beyond it (``DeflateTarget``).
enum MessageTarget {
    static let limit = 2000

    static func check(_ input: UnsafeRawBufferPointer) {
        guard let last = input.last else { return }
        let bytes = ByteBuffer(bytes: input.dropLast())
        let side: MessageReader.Side = last & 1 == 0 ? .server : .client
        let direction = DeflateAgreement.Direction(keepsContext: last & 4 != 0)
        let agreement = last & 2 != 0 ? DeflateAgreement(server: direction, client: direction) : nil
        let pool = InflaterPool()
        let whole = events([bytes], side, agreement, pool)
        for reads in Reads.cut(bytes) {
            let events = events(reads, side, agreement, pool)
            expect(matches(events, whole), "messages do not depend on how the bytes arrive: \(whole), but \(events)")
        }
        let model = PlainReading(bytes, side: side, limit: limit, agreement: agreement).events
        expect(matches(whole, model), "messages are those of a plain reading: \(model), but \(whole)")
        isBuilt(bytes)
    }

    private static func events(
        _ reads: [ByteBuffer], _ side: MessageReader.Side, _ agreement: DeflateAgreement? = nil,
        _ pool: InflaterPool = InflaterPool()
    ) -> [MessageEvent] {
        var reader = MessageReader(side: side, maximumMessageBytes: limit, agreement: agreement, pool: pool)
        var events: [MessageEvent] = []
        for read in reads {
            reader.feed(read)
            while let event = reader.next() {
                events.append(event)
                switch event {
                case .text(let bytes):
                    expect(bytes.readableBytes <= limit, "a message is within the limit")
                    expect(
                        bytes.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) } != nil,
                        "a text is UTF-8")
                case .binary(let bytes): expect(bytes.readableBytes <= limit, "a message is within the limit")
                case .ping(let bytes), .pong(let bytes):
                    expect(bytes.readableBytes <= 125, "a control frame has 125 bytes at most")
                case .close(let code, let reason):
                    expect(code == .noStatus || code.mayBeSent, "a close code is one that may be sent")
                    expect(reason.utf8.count <= CloseCode.maximumReasonBytes, "a reason fits its frame")
                case .incomplete, .violation: break
                }
            }
        }
        return events
    }

    /// The words of a violation are for people.
    private static func matches(_ events: [MessageEvent], _ others: [MessageEvent]) -> Bool {
        events.count == others.count
            && zip(events, others).allSatisfy { one, other in
                if case .violation(let code, _) = one, case .violation(code, _) = other { return true }
                return one == other
            }
    }

    private static func isBuilt(_ payload: ByteBuffer) {
        guard payload.readableBytes <= limit else { return }
        let read = events([FrameBuilder.message(.binary, payload)], .client)
        expect(read == [.binary(payload)], "a message is read as it was built")
        let isText = payload.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) } != nil
        let text = events([FrameBuilder.message(.text, payload)], .client)
        expect(
            matches(text, [isText ? .text(payload) : .violation(.invalidPayload, "")]),
            "what is UTF-8 is a text, and nothing else is")
        let reason = String(buffer: payload)
        let close = events([FrameBuilder.close(.goingAway, reason: reason)], .client)
        expect(close == [.close(.goingAway, CloseCode.fitted(reason: reason))], "a reason is cut to what fits")
    }
}

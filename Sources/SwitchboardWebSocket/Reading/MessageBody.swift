import NIOCore
import SwitchboardProtocol

/// The message that is under way.
struct MessageBody {
    let isText: Bool
    /// For a compressed message.
    let inflater: Inflater?
    private var bytes = ByteBuffer()
    /// What has been announced, compressed or not.
    private var announced = 0
    private var fragments = 0
    private var utf8 = UTF8Progress()

    init(isText: Bool, inflater: Inflater?) {
        self.isText = isText
        self.inflater = inflater
    }

    /// A frame of the message says how long it is.
    mutating func expect(_ length: Int, _ limits: MessageLimits) throws(Violation) {
        guard length <= (inflater == nil ? limits.bytes : limits.compressedBytes) - announced else {
            throw .tooBig(inflater == nil ? limits.bytes : limits.inflatedBytes)
        }
        announced += length
        fragments += 1
        guard fragments <= MessageLimits.fragments(for: announced) else {
            throw Violation(.messageTooBig, "a message may have one fragment for every 16 bytes, and 1000 more")
        }
    }

    mutating func take(
        _ piece: ByteBuffer, mask: UInt32?, offset: Int, _ limits: MessageLimits
    ) throws(Violation) {
        let start = bytes.writerIndex
        if let inflater {
            var plain = ByteBuffer()
            plain.writeUnmasked(piece, mask: mask, offset: offset)
            do throws(DeflateError) { try inflater.inflate(plain, into: &bytes, limit: limits.inflatedBytes) } catch {
                // What came out before the fault may have been wrong earlier.
                try check(from: start)
                throw Violation(error, limits)
            }
        } else {
            bytes.writeUnmasked(piece, mask: mask, offset: offset)
        }
        try check(from: start)
    }

    /// - Returns: The message; all of it has come.
    mutating func finish(_ limits: MessageLimits) throws(Violation) -> MessageEvent {
        if let inflater {
            let start = bytes.writerIndex
            do throws(DeflateError) { try inflater.finish(into: &bytes, limit: limits.inflatedBytes) } catch {
                throw Violation(error, limits)
            }
            try check(from: start)
        }
        guard isText else { return .binary(bytes) }
        guard utf8.isComplete else { throw .notUTF8 }
        return .text(bytes)
    }

    private mutating func check(from start: Int) throws(Violation) {
        guard isText else { return }
        let isRight = bytes.withUnsafeReadableBytes { all in
            utf8.take(UnsafeRawBufferPointer(rebasing: all[start...]))
        }
        guard isRight else { throw .notUTF8 }
    }
}

extension Violation {
    fileprivate static let notUTF8 = Violation(.invalidPayload, "text that is not UTF-8")
}

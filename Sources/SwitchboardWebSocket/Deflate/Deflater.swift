internal import CZlib
public import NIOCore

/// zlib could not do its work. All of these end the connection or, when something is to be sent, the compression.
public enum DeflateError: Error, Hashable, Sendable {
    /// What comes out is longer than it may be.
    case tooBig
    /// No DEFLATE data.
    case corrupt
    /// The message ends within a DEFLATE block.
    case truncated
    /// zlib has refused, for want of memory or because of a parameter.
    case unavailable
}

/// Compresses messages (RFC 7692 section 7.2.1). Belongs to one event loop.
///
/// It holds 2^(windowBits + 2) bytes and 22 KB: 38 KB with the usual window of a server, 150 KB with 15 bits.
public final class Deflater {
    public let keepsContext: Bool
    private let stream: UnsafeMutablePointer<z_stream>
    private var isUsed = false

    /// - Parameters:
    ///   - windowBits: 9...15; zlib knows no 8 for raw DEFLATE.
    ///   - keepsContext: Messages refer to those before them (context takeover), so none may be left out or sent twice.
    ///   - level: zlib's, 1 (fast) to 9 (small).
    /// - Throws: ``DeflateError/unavailable``.
    public init(windowBits: Int, keepsContext: Bool, level: Int = 6) throws(DeflateError) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result: CInt =
            (9...15).contains(windowBits) && (1...9).contains(level)
            ? deflateInit2_(
                stream, CInt(level), Z_DEFLATED, -CInt(windowBits), Self.memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                CInt(MemoryLayout<z_stream>.size))
            : Z_STREAM_ERROR
        guard result == Z_OK else { throw .unavailable }
    }

    /// zlib's usual 8 takes 128 KB instead of 16, which have to be cleared for every message.
    private static let memoryLevel: CInt = 5

    deinit {
        // Also right when it was never initialized: zlib sees that it has no state.
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends the compressed payload of a message, without the four bytes that every one ends with.
    ///
    /// - Throws: ``DeflateError``; `output` is as before then, and with context takeover this compressor cannot be used again.
    public func compress(_ payload: ByteBuffer, into output: inout ByteBuffer) throws(DeflateError) {
        // An empty block (RFC 7692 section 7.2.3.6); zlib gives nothing for nothing.
        guard payload.readableBytes > 0 else {
            output.writeInteger(UInt8(0))
            return
        }
        guard payload.readableBytes <= Int(Int32.max) else { throw .tooBig }
        if isUsed, !keepsContext, deflateReset(stream) != Z_OK { throw .unavailable }
        isUsed = true
        let start = output.writerIndex
        guard run(payload, into: &output), output.writerIndex - start >= 4,
            output.getInteger(at: output.writerIndex - 4, as: UInt32.self) == Self.tail
        else {
            output.moveWriterIndex(to: start)
            throw .unavailable
        }
        output.moveWriterIndex(to: output.writerIndex - 4)
    }

    /// An empty stored block without its first three bits: what a sync flush ends with.
    static let tail: UInt32 = 0x0000_FFFF

    private func run(_ payload: ByteBuffer, into output: inout ByteBuffer) -> Bool {
        payload.withUnsafeReadableBytes { input in
            stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_in = uInt(input.count)
            defer { stream.pointee.next_in = nil }
            while true {
                let room = max(64, Int(stream.pointee.avail_in) / 2)
                var result = Z_OK
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { free in
                    let free = UnsafeMutableRawBufferPointer(rebasing: free.prefix(Int(Int32.max)))
                    stream.pointee.next_out = free.baseAddress?.assumingMemoryBound(to: Bytef.self)
                    stream.pointee.avail_out = uInt(free.count)
                    result = deflate(stream, Z_SYNC_FLUSH)
                    return free.count - Int(stream.pointee.avail_out)
                }
                guard result == Z_OK || result == Z_BUF_ERROR else { return false }
                // Z_BUF_ERROR: all was said before, and there was exactly room for it.
                if stream.pointee.avail_out > 0 || result == Z_BUF_ERROR { return stream.pointee.avail_in == 0 }
            }
        }
    }
}

extension Deflater {
    /// The compressed payload, or nil when the message had better be sent as it is: it is short, or gets no shorter.
    ///
    /// - Parameter minimumBytes: Shorter payloads are not tried.
    /// - Throws: ``DeflateError``; the message may be sent as it is, and with context takeover this compressor is to be given up.
    public func compressed(_ payload: ByteBuffer, minimumBytes: Int) throws(DeflateError) -> ByteBuffer? {
        guard payload.readableBytes >= minimumBytes else { return nil }
        var output = ByteBuffer()
        try compress(payload, into: &output)
        // With context takeover the next message refers to this one, whatever came of it.
        return keepsContext || output.readableBytes < payload.readableBytes ? output : nil
    }
}

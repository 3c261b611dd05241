import CZlib
import NIOCore

/// The gzip format (RFC 1952), for whole files.
enum Gzip {
    /// zlib's window of 2^15 bytes, with a gzip header and trailer around it.
    private static let windowBits: CInt = 15 + 16

    /// - Returns: nil when zlib has no memory.
    static func compress(_ bytes: ByteBuffer) -> ByteBuffer? {
        guard bytes.readableBytes <= Int(Int32.max) else { return nil }
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, Z_BEST_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                CInt(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        var output = ByteBuffer()
        let bound = Int(deflateBound(&stream, uLong(bytes.readableBytes)))
        let isWhole = bytes.withUnsafeReadableBytes { input in
            stream.next_in = input.bindMemory(to: Bytef.self).baseAddress
            stream.avail_in = uInt(input.count)
            var result = Z_STREAM_ERROR
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { room in
                stream.next_out = room.bindMemory(to: Bytef.self).baseAddress
                stream.avail_out = uInt(room.count)
                result = deflate(&stream, Z_FINISH)
                return room.count - Int(stream.avail_out)
            }
            return result == Z_STREAM_END
        }
        return isWhole ? output : nil
    }
}

import NIOCore

extension ByteBuffer {
    /// Appends bytes of a frame's payload without their mask (RFC 6455 section 5.3).
    ///
    /// - Parameters:
    ///   - mask: In network order; nil for a payload without one.
    ///   - offset: Where in the payload the bytes stand.
    mutating func writeUnmasked(_ masked: ByteBuffer, mask: UInt32?, offset: Int) {
        guard let mask, mask != 0 else {
            writeImmutableBuffer(masked)
            return
        }
        let shift = UInt32(offset % 4) * 8
        let key = shift == 0 ? mask : mask << shift | mask >> (32 - shift)
        let wide = (UInt64(key) << 32 | UInt64(key)).bigEndian
        writeWithUnsafeMutableBytes(minimumWritableBytes: masked.readableBytes) { target in
            masked.withUnsafeReadableBytes { source in
                let whole = source.count & ~7
                for index in stride(from: 0, to: whole, by: 8) {
                    let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    target.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
                }
                for index in whole..<source.count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: key >> (24 - UInt32(index % 4) * 8))
                }
                return source.count
            }
        }
    }
}

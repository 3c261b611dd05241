package import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ByteBuffer {
    /// Writes all readable bytes to a blocking descriptor; `errno` tells why when it returns false.
    package func write(toDescriptor descriptor: CInt) -> Bool {
        withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = systemWrite(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if count < 0, errno != EINTR { return false }
                offset += max(count, 0)
            }
            return true
        }
    }
}

private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

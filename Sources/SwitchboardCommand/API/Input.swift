import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads whole files and standard input.
enum Input {
    /// More than any node takes.
    private static let limit = 64 << 20

    static func standard() throws(Failure) -> ByteBuffer {
        try all(of: STDIN_FILENO, name: "standard input")
    }

    static func file(_ path: String) throws(Failure) -> ByteBuffer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        return try all(of: descriptor, name: path)
    }

    private static func all(of descriptor: CInt, name: String) throws(Failure) -> ByteBuffer {
        var all = ByteBuffer()
        while all.readableBytes <= limit {
            var result = 0
            let count = all.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { bytes in
                result = read(descriptor, bytes.baseAddress, bytes.count)
                return max(result, 0)
            }
            if result < 0 { throw failure(name) }
            if count == 0 { return all }
        }
        throw Failure("\(name) has more than \(limit) bytes")
    }

    private static func failure(_ name: String) -> Failure {
        Failure("\(name) cannot be read: \(String(cString: strerror(errno)))")
    }
}

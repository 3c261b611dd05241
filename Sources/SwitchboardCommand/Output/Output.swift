import ArgumentParser
import FoundationEssentials
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Standard output and standard error, written line by line without a buffer, so that a reader sees each line at once.
enum Output {
    /// - Throws: `ExitCode` when nobody reads any more.
    static func line(_ text: String) throws(ExitCode) {
        try write(ByteBuffer(string: text))
    }

    /// Writes bytes and a line end, unless they have one.
    ///
    /// - Throws: `ExitCode` when nobody reads any more.
    static func write(_ bytes: ByteBuffer) throws(ExitCode) {
        var bytes = bytes
        if bytes.readableBytesView.last != UInt8(ascii: "\n") { bytes.writeInteger(UInt8(ascii: "\n")) }
        guard write(bytes, to: STDOUT_FILENO) else { throw ExitCode.failure }
    }

    /// A line for the person, apart from the results.
    static func note(_ text: String) {
        _ = write(ByteBuffer(string: text + "\n"), to: STDERR_FILENO)
    }

    private static func write(_ bytes: ByteBuffer, to descriptor: CInt) -> Bool {
        bytes.withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = systemWrite(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if count < 0, errno != EINTR { return false }
                offset += max(count, 0)
            }
            return true
        }
    }

    /// Runs a command; a failure is one line on standard error and exit status 1.
    static func reporting(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let code as ExitCode { throw code } catch {
            note("switchboard: \(error)")
            throw ExitCode.failure
        }
    }
}

private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

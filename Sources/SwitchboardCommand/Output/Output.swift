import ArgumentParser
import FoundationEssentials
import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Standard output and standard error, written line by line without a buffer, so that a reader sees each line at once.
enum Output {
    /// Writes one line, whatever others have put into it.
    ///
    /// - Throws: `ExitCode` when nobody reads any more.
    static func line(_ text: String) throws(ExitCode) {
        try write(ByteBuffer(string: text.withoutControls))
    }

    /// Writes a JSON document, as it is but for control characters in its texts.
    ///
    /// - Throws: `ExitCode` when nobody reads any more.
    static func document(_ json: ByteBuffer) throws(ExitCode) {
        try write(ByteBuffer(string: String(buffer: json).withoutControlsInJSON))
    }

    /// Writes what a client has put out: byte for byte into a file or to a program, and without what would steer it to a terminal.
    ///
    /// - Throws: `ExitCode` when nobody reads any more.
    static func said(_ bytes: ByteBuffer) throws(ExitCode) {
        guard isatty(STDOUT_FILENO) == 1 else { return try write(bytes) }
        let lines = String(buffer: bytes).unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        try write(ByteBuffer(string: lines.map { String($0).withoutControls }.joined(separator: "\n")))
    }

    /// Writes bytes and a line end, unless they have one.
    ///
    /// - Throws: `ExitCode` when nobody reads any more.
    static func write(_ bytes: ByteBuffer) throws(ExitCode) {
        var bytes = bytes
        if bytes.readableBytesView.last != UInt8(ascii: "\n") { bytes.writeInteger(UInt8(ascii: "\n")) }
        guard bytes.write(toDescriptor: STDOUT_FILENO) else { throw ExitCode.failure }
    }

    /// A line for the person, apart from the results.
    static func note(_ text: String) {
        _ = ByteBuffer(string: text.withoutControls + "\n").write(toDescriptor: STDERR_FILENO)
    }

    /// Runs a command; a failure is one line on standard error and exit status 1.
    static func reporting(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let code as ExitCode { throw code } catch {
            note("switchboard: \(error)")
            throw ExitCode.failure
        }
    }
}

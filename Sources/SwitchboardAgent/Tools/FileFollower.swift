import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Hands over each line that is appended to a file, as `tail -F` does: it begins at the end, waits for a file that is not
/// there yet, and goes on from the start when the file was truncated or replaced by another (rotation).
///
/// The file is looked at every ``interval``. After a replacement the rest of the old file is read first.
package struct FileFollower: Sendable {
    package let path: String
    /// How often the file is looked at. Default 250 ms.
    package let interval: Duration
    /// Longer lines are cut into pieces of at most this many bytes. Default 32 KiB.
    package let lineLimit: Int
    /// What is beyond ``lineLimit`` is left out, and an ellipsis says so.
    package let cutsLines: Bool

    package init(
        path: String, interval: Duration = .milliseconds(250), lineLimit: Int = 32 << 10, cutsLines: Bool = false
    ) {
        self.cutsLines = cutsLines
        self.path = path
        self.interval = interval
        self.lineLimit = lineLimit
    }

    /// Follows the file until the task is cancelled.
    ///
    /// - Parameters:
    ///   - whenReady: Called once the present end of the file is known: what is appended from then on is handed over.
    ///   - onLine: Gets each line without its end; while it works nothing more is read.
    package func run(
        whenReady: @Sendable () -> Void = {}, onLine: @Sendable (String) async throws -> Void
    ) async throws {
        var file = open(atEnd: true)
        var splitter = LineSplitter(limit: lineLimit, cuts: cutsLines)
        defer { file?.close() }
        whenReady()
        while true {
            if file == nil { file = open(atEnd: false) }
            // Asked before reading: what the old file still got before it was replaced is then read below.
            let isReplaced = file.map(isReplaced) ?? false
            while let chunk = file?.read() {
                for line in splitter.feed(chunk) { try await onLine(line) }
            }
            if isReplaced {
                if let rest = splitter.finish() { try await onLine(rest) }
                file?.close()
                file = nil
            } else {
                if file?.rewindIfTruncated() == true {
                    splitter = LineSplitter(limit: lineLimit, cuts: cutsLines)
                }
                try await Task.sleep(for: interval)
            }
        }
    }

    private func isReplaced(_ file: FollowedFile) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_ino != file.inode || status.st_dev != file.device
    }

    private func open(atEnd: Bool) -> FollowedFile? {
        FollowedFile(path: path, atEnd: atEnd)
    }
}

/// An open file and how far it was read.
private struct FollowedFile {
    private static let chunkBytes = 64 << 10

    private let descriptor: CInt
    private var offset: off_t
    let inode: ino_t
    let device: dev_t

    init?(path: String, atEnd: Bool) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard descriptor >= 0 else { return nil }
        guard fstat(descriptor, &status) == 0 else {
            _ = systemClose(descriptor)
            return nil
        }
        self.descriptor = descriptor
        offset = atEnd ? status.st_size : 0
        inode = status.st_ino
        device = status.st_dev
    }

    /// - Returns: nil when there is nothing more at the moment.
    mutating func read() -> ArraySlice<UInt8>? {
        var bytes = [UInt8](repeating: 0, count: Self.chunkBytes)
        let count = pread(descriptor, &bytes, bytes.count, offset)
        guard count > 0 else { return nil }
        offset += off_t(count)
        return bytes[..<count]
    }

    mutating func rewindIfTruncated() -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size < offset else { return false }
        offset = 0
        return true
    }

    func close() {
        _ = systemClose(descriptor)
    }
}

private func systemClose(_ descriptor: CInt) -> CInt { close(descriptor) }

import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files of keys: read as a whole, and replaced as a whole so that nobody sees half of one.
enum SmallFile {
    /// It blocks.
    ///
    /// - Throws: when it cannot be read or has more than `limit` bytes.
    static func read(_ path: String, limit: Int) throws(ServerConfiguration.Problem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("cannot read '\(path)'") }
        defer { _ = close(file) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while all.count <= limit {
            let count = systemRead(file, &piece, piece.count)
            if count == 0 { return all }
            if count < 0, errno != EINTR { throw failure("cannot read '\(path)'") }
            all += piece.prefix(max(count, 0))
        }
        throw ServerConfiguration.Problem("'\(path)' has more than \(limit) bytes")
    }

    /// Writes a file that only its owner may read, or with the rights of the one that it takes the place of.
    static func replace(_ path: String, with bytes: [UInt8]) throws(ServerConfiguration.Problem) {
        let old = try? FileManager.default.attributesOfItem(atPath: path)
        let rights = (old?[.posixPermissions] as? NSNumber).map { mode_t($0.uint16Value) & 0o777 } ?? 0o600
        let temporary = path + ".new"
        // What a run that was killed has left behind must not stop this one, nor may it be followed anywhere.
        unlink(temporary)
        try create(temporary, with: bytes, rights: rights)
        guard rename(temporary, path) == 0 else { throw failure("cannot replace '\(path)'") }
    }

    /// Writes a new file that only its owner may read.
    ///
    /// - Throws: also when there is such a file.
    static func create(
        _ path: String, with bytes: [UInt8], rights: mode_t = 0o600
    ) throws(ServerConfiguration.Problem) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("cannot make '\(path)'") }
        defer { _ = close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { throw failure("cannot write '\(path)'") }
            rest = rest.dropFirst(max(count, 0))
        }
        guard fchmod(file, rights) == 0, fsync(file) == 0 else { throw failure("cannot write '\(path)'") }
    }

    private static func failure(_ what: String) -> ServerConfiguration.Problem {
        ServerConfiguration.Problem("\(what): \(String(cString: strerror(errno)))")
    }
}

private func systemRead(_ file: CInt, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, bytes, count)
}

import CoreFoundation
import FoundationEssentials

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

    /// Writes a file that only its owner may read, or with the rights, owner and group of the one that it takes the place of. A
    /// link stays, and what it leads to is replaced.
    ///
    /// - Throws: also when the owner cannot be kept: a node that cannot read the file any more would be none the wiser.
    static func replace(_ path: String, with bytes: [UInt8]) throws(ServerConfiguration.Problem) {
        let path = try resolved(path)
        var old = stat()
        let known = stat(path, &old) == 0 ? old : nil
        let temporary = path + ".new"
        // What a run that was killed has left behind must not stop this one, nor may it be followed anywhere.
        unlink(temporary)
        do throws(ServerConfiguration.Problem) {
            try create(temporary, with: bytes, like: known)
            guard rename(temporary, path) == 0 else { throw failure("cannot replace '\(path)'") }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Where a file is, behind all links; `path` itself when there is none yet.
    private static func resolved(_ path: String) throws(ServerConfiguration.Problem) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        let isMissing = errno == ENOENT
        let problem = failure("cannot replace '\(path)'")
        var found = stat()
        // A link that leads nowhere is not ours to replace.
        guard isMissing, lstat(path, &found) != 0 else { throw problem }
        return path
    }

    /// Writes a new file that only its owner may read.
    ///
    /// - Parameter other: Whose owner, group and rights it gets.
    /// - Throws: also when there is such a file.
    static func create(
        _ path: String, with bytes: [UInt8], like other: stat? = nil
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
        if let other {
            guard fchown(file, other.st_uid, other.st_gid) == 0 else {
                throw failure("cannot give '\(path)' the owner of the file that it replaces")
            }
        }
        let rights = other.map { $0.st_mode & 0o777 } ?? 0o600
        guard fchmod(file, rights) == 0, fsync(file) == 0 else { throw failure("cannot write '\(path)'") }
    }

    private static func failure(_ what: String) -> ServerConfiguration.Problem {
        ServerConfiguration.Problem("\(what): \(String(cString: strerror(errno)))")
    }
}

private func systemRead(_ file: CInt, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, bytes, count)
}

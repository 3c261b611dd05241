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

/// Files of signing keys. No error says what stands in one.
enum SigningKeyFile {
    /// - Throws: ``Failure``
    static func commandKeys(in path: String) throws(Failure) -> [CommandKey] {
        let text = String(buffer: try Input.file(path))
        do throws(SigningKeyError) { return try CommandKey.keys(in: text) } catch {
            throw Failure("\(path): \(error)")
        }
    }

    /// - Throws: ``Failure``
    static func signingKey(in path: String) throws(Failure) -> CommandSigningKey {
        let text = String(buffer: try Input.file(path))
        do throws(SigningKeyError) { return try CommandSigningKey(text: text) } catch {
            throw Failure("\(path): \(error)")
        }
    }

    /// Writes a file that does not exist yet.
    static func create(_ path: String, _ text: String, mode: mode_t) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw Failure("\(path) cannot be made: \(String(cString: strerror(errno)))") }
        defer { close(file) }
        guard ByteBuffer(string: text + "\n").write(toDescriptor: file), fsync(file) == 0 else {
            throw Failure("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}

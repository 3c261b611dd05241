import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of API keys, as a node reads it and `switchboard key` writes it.
public final class KeyFile: Sendable {
    /// The most bytes of it.
    private static let limit = 1 << 20

    private let path: String
    private let ring: Mutex<KeyRing>
    private let reloads = Atomic(0)

    /// Reads the file. It blocks.
    ///
    /// - Throws: when it cannot be read or is wrong.
    public init(path: String) throws(ServerConfiguration.Problem) {
        self.path = path
        ring = Mutex(try Self.read(path))
    }

    /// The keys in force.
    public var keys: KeyRing { ring.withLock { $0 } }

    /// Rises when keys may have changed, right after they have.
    var version: Int { reloads.load(ordering: .acquiring) }

    /// Reads the file again. It blocks.
    ///
    /// - Throws: when it cannot be read or is wrong; then the keys that were in force stay in force.
    func reload() throws(ServerConfiguration.Problem) {
        let new = try Self.read(path)
        ring.withLock { $0 = new }
        reloads.add(1, ordering: .releasing)
    }

    private static func read(_ path: String) throws(ServerConfiguration.Problem) -> KeyRing {
        try KeyRing(parsing: String(decoding: try SmallFile.read(path, limit: limit), as: UTF8.self), path: path)
    }

    // MARK: for people

    /// Puts a key at the end of the file, which is made if there is none.
    ///
    /// - Throws: when the file is wrong already, or would be.
    public static func add(_ entry: KeyRing.Entry, to path: String) throws(ServerConfiguration.Problem) {
        var text = ""
        if access(path, F_OK) == 0 { text = String(decoding: try SmallFile.read(path, limit: limit), as: UTF8.self) }
        if !text.isEmpty, text.last?.isNewline == false { text += "\n" }
        text += entry.line + "\n"
        _ = try KeyRing(parsing: text, path: path)
        try SmallFile.replace(path, with: Array(text.utf8))
    }

    /// Takes a key out of the file; remarks stay.
    ///
    /// - Throws: when the file is wrong, or has no such key.
    public static func remove(_ name: KeyName, from path: String) throws(ServerConfiguration.Problem) {
        let text = String(decoding: try SmallFile.read(path, limit: limit), as: UTF8.self)
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let left = lines.filter { line in
            line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).first.map(String.init) != name.rawValue
        }
        guard left.count < lines.count else {
            throw ServerConfiguration.Problem("\(path): there is no key of the name '\(name)'")
        }
        let rest = left.joined(separator: "\n")
        _ = try KeyRing(parsing: rest, path: path)
        try SmallFile.replace(path, with: Array(rest.utf8))
    }
}

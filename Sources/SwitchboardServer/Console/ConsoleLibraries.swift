import FoundationEssentials
import NIOCore
import Synchronization

/// Libraries of others that the console uses, as the system's packages install them: they are not part of this program.
final class ConsoleLibraries: Sendable {
    /// No library is larger, in bytes.
    static let limit = 4 << 20

    private struct Library {
        /// Below the folder of libraries, the best first.
        let paths: [String]
        let package: String
    }

    private static let known: [String: Library] = [
        "chart.js": Library(paths: ["chart.js/chart.min.js", "chart.js/chart.js"], package: "libjs-chart.js"),
        "xterm.js": Library(paths: ["xterm/xterm.js"], package: "node-xterm"),
        "xterm.css": Library(paths: ["xterm/xterm.css"], package: "libjs-xterm"),
    ]

    private let folder: String
    private let found = Mutex<[String: ConsoleFile]>([:])

    /// - Parameter folder: `/usr/share/javascript` on Debian.
    init(folder: String) { self.folder = folder }

    /// - Throws: a problem that names the package, when the library is not on this machine; it is looked for again each time.
    func file(_ name: String) throws(Problem) -> ConsoleFile {
        guard let library = Self.known[name] else { throw .notFound }
        if let file = found.withLock({ $0[name] }) { return file }
        guard let bytes = read(library) else { throw .libraryMissing(name, package: library.package, folder: folder) }
        let file = ConsoleFile(ByteBuffer(bytes: bytes), name: name)
        found.withLock { $0[name] = file }
        return file
    }

    private func read(_ library: Library) -> [UInt8]? {
        for path in library.paths {
            guard let bytes = Self.contents("\(folder)/\(path)") else { continue }
            // Debian 12 ships a file for browsers that still asks for the modules of the package for Node.
            guard let entry = CommonJSBundle.unresolved(bytes) else { return bytes }
            return CommonJSBundle.make(entry: entry, global: "Terminal") { module in
                Self.contents("\(folder)/../nodejs/xterm/lib/\(module).js")
            }
        }
        return nil
    }

    private static func contents(_ path: String) -> [UInt8]? {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        return (1...limit).contains(data.count) ? [UInt8](data) : nil
    }
}

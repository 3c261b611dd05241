import Foundation

/// The real programs that the tests run, and the project's own files that belong to them.
enum Programs {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The checkout: its nginx template and its Redis configuration are what the tests use.
    static let root = (0..<4).reduce(URL(filePath: #filePath)) { path, _ in path.deletingLastPathComponent() }

    /// The `switchboard` executable: the one that `SWITCHBOARD_BIN` names, the one built along with the tests, or the
    /// release build.
    static func switchboard() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["SWITCHBOARD_BIN"] {
            guard isExecutable(path) else { throw Missing(description: "SWITCHBOARD_BIN=\(path) is no executable") }
            return URL(filePath: path)
        }
        let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let candidates = [
            own.deletingLastPathComponent().appending(path: "switchboard"),
            root.appending(path: ".build/debug/switchboard"),
            root.appending(path: ".build/release/switchboard"),
        ]
        guard let found = candidates.first(where: { isExecutable($0.path) }) else {
            throw Missing(description: "no switchboard executable: build one, or name it in SWITCHBOARD_BIN")
        }
        return found
    }

    /// A program of the system, also when it is where only root looks for it.
    static func find(_ name: String) throws -> URL {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = search.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        guard let path = folders.lazy.map({ $0 + "/" + name }).first(where: isExecutable) else {
            throw Missing(description: "\(name) is missing: deploy/setup installs it")
        }
        return URL(filePath: path)
    }

    private static func isExecutable(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }
}

import Foundation

/// A file that is there while `body` runs.
enum TemporaryFile {
    static func with(_ content: String, suffix: String, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString).\(suffix)")
        try Data(content.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }
}

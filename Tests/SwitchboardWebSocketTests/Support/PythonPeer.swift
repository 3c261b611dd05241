import Foundation
import NIOCore

/// The library websockets for Python at the other end of two pipes.
final class PythonPeer {
    private static let root = (0..<4).reduce(URL(filePath: #filePath)) { path, _ in path.deletingLastPathComponent() }
    private static let python = root.appending(path: ".build/venv/bin/python")
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: python.path) }

    struct Ended: Error {}

    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())

    /// - Parameter settings: JSON, for the library's factory of that role.
    init(role: String, settings: String) throws {
        process.executableURL = Self.python
        process.arguments = [Self.root.appending(path: "Tests/WebSocketPeer/echo.py").path, role, settings]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func write(_ bytes: ByteBuffer) throws {
        try input.fileHandleForWriting.write(contentsOf: Data(bytes.readableBytesView))
    }

    func write(line: String) throws { try write(ByteBuffer(string: line + "\n")) }

    /// What has come; at least a byte.
    func read() throws -> ByteBuffer {
        let data = output.fileHandleForReading.availableData
        guard !data.isEmpty else { throw Ended() }
        return ByteBuffer(bytes: data)
    }

    /// The first line; nothing comes behind it unasked.
    func line() throws -> String {
        var text = ""
        repeat { text += String(buffer: try read()) } while !text.hasSuffix("\n")
        return String(text.dropLast())
    }

    /// Ends it, and waits until it has.
    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

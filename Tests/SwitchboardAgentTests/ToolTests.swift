import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// What `switchboard agent` does with files.
@Suite(.timeLimit(.minutes(1))) struct ToolTests {
    /// A fresh folder that is removed behind the test.
    @discardableResult
    static func withFolder<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appending(path: "agent-test-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder)
    }

    static func append(_ text: String, to file: URL) throws {
        if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
    }

    /// Follows a file while `body` runs.
    static func following<Value>(
        _ file: URL, limit: Int = 1000, _ body: (Inbox<String>) async throws -> Value
    ) async throws -> Value {
        let lines = Inbox<String>()
        let ready = Inbox<Void>()
        let follower = FileFollower(path: file.path, interval: .milliseconds(10), lineLimit: limit)
        let task = Task { try await follower.run(whenReady: { ready.put(()) }, onLine: { lines.put($0) }) }
        defer { task.cancel() }
        try await ready.next()
        return try await body(lines)
    }

    @Test func followsFromTheEnd() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "a.log")
            try Self.append("old\n", to: file)
            try await Self.following(file) { lines in
                try Self.append("one\ntw", to: file)
                #expect(try await lines.next() == "one")
                try Self.append("o\r\n\nthree\n", to: file)
                #expect(try await lines.next() == "two")
                #expect(try await lines.next() == "three")
            }
        }
    }

    @Test func survivesRotation() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "a.log")
            try Self.append("", to: file)
            try await Self.following(file) { lines in
                try Self.append("one\nunfinished", to: file)
                try FileManager.default.moveItem(at: file, to: folder.appending(path: "a.log.1"))
                try Self.append("two\n", to: file)
                #expect(try await lines.next() == "one")
                #expect(try await lines.next() == "unfinished")
                #expect(try await lines.next() == "two")
            }
        }
    }

    @Test func survivesTruncation() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "a.log")
            try Self.append("a long line that is there from the start\n", to: file)
            try await Self.following(file) { lines in
                try Data("new\n".utf8).write(to: file)
                #expect(try await lines.next() == "new")
            }
        }
    }

    @Test func waitsForTheFile() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "a.log")
            try await Self.following(file) { lines in
                try Self.append("first\n", to: file)
                #expect(try await lines.next() == "first")
            }
        }
    }

    @Test func splitsLinesHoweverTheyArrive() {
        let text = Array("one\r\ntwo\n\nthrée\n".utf8)
        for size in 1...text.count {
            var splitter = LineSplitter(limit: 100)
            let lines = stride(from: 0, to: text.count, by: size).flatMap {
                splitter.feed(text[$0..<min($0 + size, text.count)])
            }
            #expect(lines == ["one", "two", "thrée"])
            let rest = splitter.finish()
            #expect(rest == nil)
        }
    }

    @Test func cutsLongLinesBetweenCharacters() {
        var splitter = LineSplitter(limit: 5)
        let lines = splitter.feed(Array("abcdéfghijkl\n".utf8)[...])
        #expect(lines == ["abcd", "éfgh", "ijkl"])
        let all = lines.joined()
        #expect(all == "abcdéfghijkl")
        #expect(lines.allSatisfy { $0.utf8.count <= 5 })
    }
}

import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// What `switchboard agent` does with files and programs.
@Suite(.timeLimit(.minutes(1))) struct ToolTests {
    /// A fresh folder that is removed behind the test.
    static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "agent-test-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        do { try await body(folder) } catch {
            try FileManager.default.removeItem(at: folder)
            throw error
        }
        try FileManager.default.removeItem(at: folder)
    }

    static func append(_ text: String, to file: URL) throws {
        if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
    }

    /// Follows a file while `body` runs.
    static func following(_ file: URL, limit: Int = 1000, _ body: (Inbox<String>) async throws -> Void) async throws {
        let lines = Inbox<String>()
        let ready = Inbox<Void>()
        let follower = FileFollower(path: file.path, interval: .milliseconds(10), lineLimit: limit)
        let task = Task { try await follower.run(whenReady: { ready.put(()) }, onLine: { lines.put($0) }) }
        defer { task.cancel() }
        try await ready.next()
        try await body(lines)
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

    @Test func givesAProgramItsInputAndEnvironment() async throws {
        try await Self.withFolder { folder in
            let result = folder.appending(path: "result")
            // The shell's own script is the input; its last line runs only if all of it arrived.
            let script =
                String(repeating: "# 0123456789\n", count: 20_000)
                + "printf '%s|%s' \"$SWITCHBOARD_PUSH_ID\" \"$HOME\" > \"$RESULT\"\nexit 7\n"
            let exit = try await ProgramRunner(program: "sh").run(
                input: ByteBuffer(string: script), environment: ["SWITCHBOARD_PUSH_ID": "p1", "RESULT": result.path])
            #expect(exit == .status(7))
            let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
            #expect(try String(contentsOf: result, encoding: .utf8) == "p1|\(home)")
        }
    }

    @Test func aSignalIsNoExitStatus() async throws {
        let exit = try await ProgramRunner(program: "sh").run(input: ByteBuffer(string: "kill -9 $$"), environment: [:])
        #expect(exit == .signal(9))
    }

    @Test func aProgramThatReadsNothingHarmsNothing() async throws {
        let input = ByteBuffer(repeating: 0x61, count: 1 << 20)
        #expect(try await ProgramRunner(program: "true").run(input: input, environment: [:]) == .status(0))
        #expect(try await ProgramRunner(program: "false").run(input: input, environment: [:]) == .status(1))
    }

    #if os(Linux)
        @Test func aProgramInheritsNoOpenFiles() async throws {
            try await Self.withFolder { folder in
                let result = folder.appending(path: "result")
                let descriptor = open("/dev/null", O_RDONLY)
                defer { close(descriptor) }
                let script = ByteBuffer(
                    string: "test -e /proc/self/fd/\(descriptor) && echo open > \(result.path); exit 0")
                let exit = try await ProgramRunner(program: "sh").run(input: script, environment: [:])
                #expect(exit == .status(0))
                #expect(descriptor > 2)
                #expect(!FileManager.default.fileExists(atPath: result.path))
            }
        }
    #endif

    @Test func aProgramThatCannotBeStartedIsAnError() async throws {
        await #expect(throws: ProgramRunner.StartError.self) {
            try await ProgramRunner(program: "/nowhere/to/be/found").run(input: ByteBuffer(), environment: [:])
        }
    }
}

import Foundation
import NIOCore
import Testing

@testable import SwitchboardAgent

/// The programs that `switchboard agent --exec` runs.
@Suite(.timeLimit(.minutes(1))) struct ProgramTests {
    @Test func givesAProgramItsInputAndEnvironment() async throws {
        try await ToolTests.withFolder { folder in
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
            try await ToolTests.withFolder { folder in
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

    // MARK: captured output

    static func capture(
        _ script: String, limit: Int = 1000, patience: Double = 5
    ) async throws -> (exit: ProgramRunner.Exit, output: String) {
        let result = try await ProgramRunner(program: "sh", patience: patience).capture(
            input: ByteBuffer(string: script), environment: ["SWITCHBOARD_COMMAND_NAME": "greet"], limit: limit)
        return (result.exit, String(buffer: result.output))
    }

    @Test func capturesTheOutput() async throws {
        let result = try await Self.capture("printf 'hello %s' \"$SWITCHBOARD_COMMAND_NAME\"; exit 3")
        #expect(result.output == "hello greet")
        #expect(result.exit == .status(3))
    }

    @Test func keepsNoMoreOutputThanItsLimit() async throws {
        let result = try await Self.capture("head -c 1000000 /dev/zero | tr '\\0' x", limit: 10)
        #expect(result.output == "xxxxxxxxxxx")
        #expect(result.exit == .status(0))
    }

    @Test func runsManyAtOnce() async throws {
        try await ToolTests.withFolder { folder in
            // Each waits until the last one has started.
            let results = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<9 {
                    group.addTask {
                        let script = """
                            touch \(folder.path)/\(number)
                            until test $(ls \(folder.path) | wc -l) = 9; do sleep 0.01; done; printf \(number)
                            """
                        return try await Self.capture(script).output
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.sorted() == (0..<9).map { "\($0)" })
        }
    }

    /// Runs a script that shows that it has begun, and cancels it then.
    static func cancelled(_ script: String, patience: Double) async throws -> (ProgramRunner.Exit, String) {
        try await ToolTests.withFolder { folder in
            let log = folder.appending(path: "begun")
            try Data().write(to: log)
            return try await ToolTests.following(log) { lines in
                let task = Task {
                    try await Self.capture("\(script.replacing("BEGUN", with: log.path))", patience: patience)
                }
                _ = try await lines.next()
                task.cancel()
                return try await task.value
            }
        }
    }

    @Test func endsACancelledProgramAndWhatItStarted() async throws {
        let begin = ContinuousClock.now
        let (exit, output) = try await Self.cancelled(
            "printf half; echo x >> BEGUN; sleep 100; printf whole", patience: 50)
        #expect(exit == .signal(15))
        #expect(output == "half")
        #expect(ContinuousClock.now - begin < .seconds(40))
    }

    @Test func endsAProgramByForceThatDoesNotListen() async throws {
        let (exit, _) = try await Self.cancelled(
            "trap '' TERM; echo x >> BEGUN; while true; do sleep 0.1; done", patience: 0.1)
        #expect(exit == .signal(9))
    }

    @Test func aCancelledTaskStartsNothing() async throws {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Self.capture("exit 0")
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}

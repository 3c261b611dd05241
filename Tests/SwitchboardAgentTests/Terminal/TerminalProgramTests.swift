import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Real programs on real pseudo-terminals.
@Suite(.timeLimit(.minutes(3))) struct TerminalProgramTests {
    /// A program whose output is collected; it always has leave to go on.
    final class Running: Sendable {
        let program: TerminalProgram
        let pieces = Inbox<ByteBuffer>()
        let ends = Inbox<ProgramRunner.Exit>()

        init(_ command: [String], columns: Int = 80, rows: Int = 24, folder: String = "/") throws {
            let environment = TerminalEnvironment.variables(["PATH": "/usr/bin:/bin", "SWITCHBOARD_TOKEN": "secret"])
            let program = try TerminalProgram(
                PseudoTerminal(command, environment: environment, folder: folder, columns: columns, rows: rows))
            self.program = program
            program.start(
                onOutput: { [pieces, weak program] piece in
                    pieces.put(piece)
                    program?.goOn()
                },
                onEnd: { [pieces, ends] exit in
                    ends.put(exit)
                    pieces.end()
                })
        }

        /// Waits until the output has this in it.
        func output(until text: String) async throws -> String {
            var all = ByteBuffer()
            while !String(buffer: all).contains(text) { all.writeImmutableBuffer(try await pieces.next()) }
            return String(buffer: all)
        }

        /// All output, and how the program ended.
        func end() async throws -> (output: String, exit: ProgramRunner.Exit) {
            let exit = try await ends.next()
            var all = ByteBuffer()
            while let piece = try? await pieces.next() { all.writeImmutableBuffer(piece) }
            return (String(buffer: all), exit)
        }
    }

    @Test func whatIsTypedIsEchoedAndRead() async throws {
        let running = try Running(["cat"])
        running.program.write(ByteBuffer(string: "hello\n"))
        #expect(try await running.output(until: "hello\r\nhello\r\n").hasPrefix("hello"))
        // Control-D: the end of what is typed.
        running.program.write(ByteBuffer(bytes: [4]))
        #expect(try await running.end().exit == .status(0))
    }

    @Test func theTerminalHasTheSizeItWasGiven() async throws {
        let running = try Running(["sh", "-c", "stty size; read line; stty size"], columns: 132, rows: 43)
        _ = try await running.output(until: "43 132\r\n")
        running.program.resize(columns: 90, rows: 30)
        running.program.write(ByteBuffer(string: "\n"))
        #expect(try await running.output(until: "30 90\r\n").contains("30 90"))
    }

    @Test func theProgramHasItsOwnSessionHomeAndNoSecrets() async throws {
        let folder = NSTemporaryDirectory()
        let script = """
            tty; echo "$TERM|$SWITCHBOARD_TOKEN|"; pwd
            read -r process name state parent group session rest < /proc/$$/stat
            test "$session" = $$
            """
        let (output, exit) = try await Running(["sh", "-c", script], folder: folder).end()
        #expect(output.contains("/dev/pts/"))
        #expect(output.contains("xterm-256color||"))
        #expect(output.contains(URL(filePath: folder).lastPathComponent))
        #expect(exit == .status(0))
    }

    @Test func nothingOfALargeOutputIsLostAtTheEnd() async throws {
        let (output, exit) = try await Running(["seq", "100000"]).end()
        #expect(exit == .status(0))
        #expect(output == (1...100_000).map { "\($0)\r\n" }.joined())
    }

    @Test func controlCInterruptsWhatRuns() async throws {
        // Not a shell: one that is about to start a program waits for it first.
        let running = try Running(["cat"])
        running.program.write(ByteBuffer(string: "ready\n"))
        _ = try await running.output(until: "ready\r\nready")
        running.program.write(ByteBuffer(bytes: [3]))
        #expect(try await running.end().exit == .signal(SIGINT))
    }

    @Test func aProgramThatIsToEndIsToldSo() async throws {
        let running = try Running(["sh", "-c", "trap 'echo bye; exit 7' HUP; echo ready; while :; do sleep 0.05; done"])
        _ = try await running.output(until: "ready")
        running.program.end()
        #expect(try await running.end().exit == .status(7))
    }

    @Test func aProgramThatWillNotEndIsForced() async throws {
        let running = try Running(["sh", "-c", "trap '' HUP; echo ready; while :; do sleep 0.05; done"])
        _ = try await running.output(until: "ready")
        running.program.end()
        #expect(try await running.end().exit == .signal(SIGKILL))
        // Too late for all this, and harmless.
        running.program.write(ByteBuffer(string: "x"))
        running.program.resize(columns: 1, rows: 1)
        running.program.end()
        #expect(running.program.room == 0)
    }

    @Test func whoHoldsTheTerminalOpenDoesNotKeepItAlive() async throws {
        let (output, exit) = try await Running(["sh", "-c", "trap '' HUP; sleep 5 & echo gone"]).end()
        #expect(output.contains("gone"))
        #expect(exit == .status(0))
    }

    @Test func whoLetsGoOfTheTerminalBeforeItsEndEndsWithItsOwnStatus() async throws {
        let running = try Running(["sh", "-c", "exec < /dev/null > /dev/null 2>&1; sleep 0.2; exit 5"])
        #expect(try await running.end().exit == .status(5))
    }

    @Test func whoLetsGoOfTheTerminalAndStaysIsEnded() async throws {
        let running = try Running(["sh", "-c", "exec < /dev/null > /dev/null 2>&1; sleep 600"])
        #expect(try await running.end().exit == .signal(SIGHUP))
    }

    @Test func aProgramThatIsNotThereIsAnError() {
        #expect(throws: PseudoTerminal.StartError.self) { try Running(["/nowhere/to/be/found"]) }
    }

    // MARK: the policy

    @Test func onlyTheListedCommandsMayRun() {
        let policy = TerminalPolicy(commands: ["/bin/sh -l", "top"])
        #expect(policy.program(for: nil, environment: [:]) == ["/bin/sh", "-l"])
        #expect(policy.program(for: "top", environment: [:]) == ["top"])
        #expect(policy.program(for: " /bin/sh  -l", environment: [:]) == ["/bin/sh", "-l"])
        for other in ["/bin/sh", "top -d 1", "", "/bin/sh -l; id"] {
            #expect(policy.program(for: other, environment: [:]) == nil)
        }
        #expect(TerminalPolicy().program(for: nil, environment: ["SHELL": "/bin/zsh"]) == ["/bin/zsh"])
        #expect(TerminalPolicy().program(for: nil, environment: ["SHELL": ""]) == ["/bin/sh"])
        #expect(TerminalPolicy().program(for: "/bin/bash", environment: [:]) == nil)
    }
}

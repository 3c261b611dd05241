package import NIOCore
import NIOPosix

/// Runs a program with given bytes on its standard input.
package struct ProgramRunner: Sendable {
    /// So many programs can run at once: eight commands and a push, and some that are on their way out.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    /// A path, or a name that is looked for in `PATH`. No shell takes part.
    package let program: String
    /// Seconds between the request that a cancelled program ends (SIGTERM) and its end by force (SIGKILL).
    package let patience: Double

    package init(program: String, patience: Double = 3) {
        self.program = program
        self.patience = patience
    }

    /// How a program ended.
    package enum Exit: Hashable, Sendable, CustomStringConvertible {
        case status(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .status(let number): "exit status \(number)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    /// The program could not be started.
    package struct StartError: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Runs the program and waits for its end; its output goes where ours goes.
    ///
    /// - Parameters:
    ///   - input: What it reads on its standard input.
    ///   - environment: Variables in addition to our own.
    /// - Throws: ``StartError``.
    package func run(input: ByteBuffer, environment: [String: String]) async throws -> Exit {
        try await Self.threads.runIfActive {
            try SpawnedProgram(program, input: input, environment: environment, isCaptured: false).wait()
        }
    }

    /// Runs the program and takes its standard output, to the end of whatever it has started. When the task is cancelled, all
    /// of them get SIGTERM, and SIGKILL after ``patience``; what was put out until then is returned.
    ///
    /// - Parameters:
    ///   - input: What it reads on its standard input.
    ///   - environment: Variables in addition to our own.
    ///   - limit: So many bytes of output are kept, one more if there are more, to show it.
    /// - Throws: ``StartError``; `CancellationError` when the task was cancelled before the program started.
    package func capture(
        input: ByteBuffer, environment: [String: String], limit: Int
    ) async throws -> (exit: Exit, output: ByteBuffer) {
        try Task.checkCancellation()
        let killer = ProgramKiller()
        return try await withTaskCancellationHandler {
            try await Self.threads.runIfActive {
                let program = try SpawnedProgram(program, input: input, environment: environment, isCaptured: true)
                killer.watch(program)
                let output = program.output(limit: limit + 1)
                return (try killer.reap(program), output)
            }
        } onCancel: {
            killer.end(after: patience)
        }
    }
}

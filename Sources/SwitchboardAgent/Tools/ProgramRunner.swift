import FoundationEssentials
package import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs a program with given bytes on its standard input; its output goes where ours goes.
package struct ProgramRunner: Sendable {
    /// A path, or a name that is looked for in `PATH`. No shell takes part.
    package let program: String

    package init(program: String) {
        self.program = program
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

    /// Runs the program and waits for its end.
    ///
    /// - Parameters:
    ///   - input: What it reads on its standard input.
    ///   - environment: Variables in addition to our own.
    /// - Throws: ``StartError``.
    package func run(input: ByteBuffer, environment: [String: String]) async throws -> Exit {
        try await NIOThreadPool.singleton.runIfActive {
            let file = try Self.file(holding: input)
            defer { close(file) }
            return try Self.wait(for: try start(input: file, environment: environment))
        }
    }

    /// An unnamed file instead of a pipe: a program that reads nothing, or late, can then neither block nor kill us.
    private static func file(holding input: ByteBuffer) throws(StartError) -> CInt {
        let folder = ownEnvironment()["TMPDIR"] ?? "/tmp"
        var template = Array((folder + "/switchboard-XXXXXX").utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else { throw failure("a temporary file cannot be made") }
        unlink(template)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        let written = input.withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = write(file, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if count < 0 { return false }
                offset += count
            }
            return true
        }
        guard written, lseek(file, 0, SEEK_SET) == 0 else {
            let error = failure("a temporary file cannot be written")
            close(file)
            throw error
        }
        return file
    }

    private func start(input: CInt, environment: [String: String]) throws(StartError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        // Not the agent's sockets: a program that lives on would hold the connection open behind the agent's end.
        for file in Self.openFiles() where file > STDERR_FILENO { posix_spawn_file_actions_addclose(&actions, file) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The program shall not inherit which signals we ignore or hold back.
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var merged = Self.ownEnvironment()
        for (name, value) in environment { merged[name] = value }
        var arguments = [strdup(program), nil]
        var variables = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for text in arguments + variables { free(text) }
        }
        var process = pid_t()
        let result = posix_spawnp(&process, program, &actions, &attributes, &arguments, &variables)
        guard result == 0 else {
            throw StartError(description: "\(program) cannot be started: \(String(cString: strerror(result)))")
        }
        return process
    }

    private static func openFiles() -> [CInt] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { CInt($0) }
    }

    private static func ownEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    private static func wait(for process: pid_t) throws(StartError) -> Exit {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw failure("the program's end cannot be awaited") }
        }
        let signal = status & 0x7F
        return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
    }

    private static func failure(_ text: String) -> StartError {
        StartError(description: "\(text): \(String(cString: strerror(errno)))")
    }
}

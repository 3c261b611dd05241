import FoundationEssentials
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program that runs; all of it blocks.
struct SpawnedProgram: Sendable {
    /// One at a time: a program that starts between the making of another's pipe and its marking would inherit it, and hold it
    /// open.
    private static let starting = Mutex(())

    private let process: pid_t
    /// Where its output can be read, if that is captured.
    private let pipe: CInt?

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: A path, or a name that is looked for in `PATH`.
    ///   - input: What it reads on its standard input.
    ///   - environment: Variables in addition to our own.
    ///   - isCaptured: Its standard output can be read by ``output(limit:)``, and it has a process group of its own, so that
    ///     ``signal(_:)`` reaches what it has started.
    init(
        _ program: String, input: ByteBuffer, environment: [String: String], isCaptured: Bool
    ) throws(ProgramRunner.StartError) {
        let file = try Self.file(holding: input)
        defer { close(file) }
        guard isCaptured else {
            process = try Self.starting.withLock { _ throws(ProgramRunner.StartError) in
                try Self.spawn(program, input: file, output: nil, environment: environment)
            }
            pipe = nil
            return
        }
        let started = try Self.starting.withLock { _ throws(ProgramRunner.StartError) in
            let ends = try Self.makePipe()
            defer { close(ends.write) }
            do throws(ProgramRunner.StartError) {
                return (try Self.spawn(program, input: file, output: ends.write, environment: environment), ends.read)
            } catch {
                close(ends.read)
                throw error
            }
        }
        (process, pipe) = started
    }

    /// The program's output up to its end, and that of all that hold it open; only once.
    ///
    /// - Parameter limit: More bytes are read and thrown away.
    func output(limit: Int) -> ByteBuffer {
        var all = ByteBuffer()
        guard let pipe else { return all }
        defer { close(pipe) }
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = read(pipe, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return all }
            all.writeBytes(chunk[..<min(count, limit - all.readableBytes)])
        }
    }

    func signal(_ number: CInt) {
        kill(pipe == nil ? process : -process, number)
    }

    /// Returns when the program has ended; its number is not given to another process before ``wait()``.
    func waitWithoutReaping() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    func wait() throws(ProgramRunner.StartError) -> ProgramRunner.Exit {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw Self.failure("the program's end cannot be awaited") }
        }
        let signal = status & 0x7F
        return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
    }

    // MARK: starting

    /// An unnamed file instead of a pipe: a program that reads nothing, or late, can then neither block nor kill us.
    private static func file(holding input: ByteBuffer) throws(ProgramRunner.StartError) -> CInt {
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

    private static func makePipe() throws(ProgramRunner.StartError) -> (read: CInt, write: CInt) {
        var ends: [CInt] = [-1, -1]
        guard systemPipe(&ends) == 0 else { throw failure("a pipe cannot be made") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(
        _ program: String, input: CInt, output: CInt?, environment: [String: String]
    ) throws(ProgramRunner.StartError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        if let output { posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) }
        // Not the agent's sockets: a program that lives on would hold the connection open behind the agent's end.
        for file in openFiles() where file > STDERR_FILENO { posix_spawn_file_actions_addclose(&actions, file) }

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
        var flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        if output != nil {
            posix_spawnattr_setpgroup(&attributes, 0)
            flags |= POSIX_SPAWN_SETPGROUP
        }
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var merged = ownEnvironment()
        for (name, value) in environment { merged[name] = value }
        var arguments = [strdup(program), nil]
        var variables = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for text in arguments + variables { free(text) }
        }
        var process = pid_t()
        let result = posix_spawnp(&process, program, &actions, &attributes, &arguments, &variables)
        guard result == 0 else {
            throw ProgramRunner.StartError(
                description: "\(program) cannot be started: \(String(cString: strerror(result)))")
        }
        return process
    }

    static func openFiles() -> [CInt] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { CInt($0) }
    }

    static func ownEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    private static func failure(_ text: String) -> ProgramRunner.StartError {
        ProgramRunner.StartError(description: "\(text): \(String(cString: strerror(errno)))")
    }
}

private func systemPipe(_ ends: inout [CInt]) -> CInt { pipe(&ends) }

import CTerminal
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A pseudo-terminal and the program that has it as its controlling terminal.
struct PseudoTerminal: Sendable {
    struct StartError: Error, Hashable, Sendable, CustomStringConvertible {
        let description: String
    }

    /// Our side of it; reading and writing do not block.
    let master: CInt
    /// The program, which leads a session and a process group of its own.
    let process: pid_t

    /// - Parameters:
    ///   - command: A path, or a name that is looked for in `PATH`, and arguments.
    ///   - environment: All variables of the program.
    ///   - folder: Where it runs.
    init(
        _ command: [String], environment: [String: String], folder: String, columns: Int, rows: Int
    ) throws(StartError) {
        let master = posix_openpt(O_RDWR | O_NOCTTY | Self.closeOnExec)
        guard master >= 0 else { throw Self.failure("no terminal is to be had", errno) }
        do throws(StartError) {
            // Other programs must not hold it open, also where it cannot be opened so.
            _ = fcntl(master, F_SETFD, FD_CLOEXEC)
            _ = fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK)
            guard grantpt(master) == 0, unlockpt(master) == 0 else {
                throw Self.failure("the terminal cannot be opened", errno)
            }
            var name = [CChar](repeating: 0, count: 128)
            guard ptsname_r(master, &name, UInt(name.count)) == 0 else {
                throw Self.failure("the terminal has no name", errno)
            }
            Self.resize(master, columns: columns, rows: rows)
            // Until the program has it somebody must, or its end would seem to have come.
            let slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
            guard slave >= 0 else { throw Self.failure("the terminal cannot be opened", errno) }
            defer { close(slave) }
            process = try Self.spawn(command, on: name, environment: environment, folder: folder)
        } catch {
            close(master)
            throw error
        }
        self.master = master
    }

    #if os(Linux)
        /// Linux takes it at once, though POSIX does not ask for that; elsewhere the call may be refused with it.
        private static let closeOnExec = O_CLOEXEC
    #else
        private static let closeOnExec: CInt = 0
    #endif

    static func resize(_ master: CInt, columns: Int, rows: Int) {
        var size = winsize()
        size.ws_col = UInt16(clamping: columns)
        size.ws_row = UInt16(clamping: rows)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    private static func spawn(
        _ command: [String], on terminal: [CChar], environment: [String: String], folder: String
    ) throws(StartError) -> pid_t {
        guard let program = command.first else { throw StartError(description: "there is no program to start") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Opened by the leader of a new session, it becomes its controlling terminal.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, terminal, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO)
        for file in SpawnedProgram.openFiles() where file > STDERR_FILENO {
            posix_spawn_file_actions_addclose(&actions, file)
        }
        posix_spawn_file_actions_addchdir_np(&actions, folder)

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
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | terminal_spawn_setsid)

        var arguments = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for text in arguments + variables { free(text) }
        }
        var process = pid_t()
        let result = posix_spawnp(&process, program, &actions, &attributes, &arguments, &variables)
        guard result == 0 else { throw failure("\(program) cannot be started", result) }
        return process
    }

    private static func failure(_ text: String, _ code: CInt) -> StartError {
        StartError(description: "\(text): \(String(cString: strerror(code)))")
    }
}

/// What a program finds that runs on a terminal.
enum TerminalEnvironment {
    /// The agent's variables without its own: they hold a token, perhaps.
    static func variables(_ own: [String: String]) -> [String: String] {
        var variables = own.filter { !$0.key.hasPrefix("SWITCHBOARD_") }
        variables["COLUMNS"] = nil
        variables["LINES"] = nil
        variables["TERM"] = "xterm-256color"
        if variables["HOME"] == nil { variables["HOME"] = FileManager.default.homeDirectoryForCurrentUser.path }
        return variables
    }

    /// The home folder, or the root when it cannot be entered.
    static func folder(_ variables: [String: String]) -> String {
        guard let home = variables["HOME"], access(home, X_OK) == 0 else { return "/" }
        return home
    }
}

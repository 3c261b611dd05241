import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A real program that runs beside the tests, with a log of its own, and never longer than they do.
final class ChildProcess: Sendable {
    let name: String
    let pid: Int32
    /// Standard output and standard error.
    let log: URL
    private let exit: EventLoopFuture<Int32>
    private let ending: Ending

    private init(name: String, pid: Int32, log: URL, exit: EventLoopFuture<Int32>, ending: Ending) {
        self.name = name
        self.pid = pid
        self.log = log
        self.exit = exit
        self.ending = ending
    }

    /// Whether the process is gone.
    private final class Ending: Sendable {
        let isOver = Mutex(false)
    }

    /// Starts `program`; what it says is appended to `log`.
    ///
    /// - Parameter lastSignal: What the kernel sends it when the tests themselves are killed.
    static func start(
        _ name: String, _ program: URL, _ arguments: [String], log: URL, lastSignal: String = "KILL"
    ) async throws -> ChildProcess {
        let process = Process()
        // Whatever becomes of the tests, the kernel ends their children: no test leaves a process behind.
        process.executableURL = try Programs.find("setpriv")
        process.arguments = ["--pdeathsig", lastSignal, program.path] + arguments
        if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
        let output = try FileHandle(forWritingTo: log)
        try output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let exit = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Int32.self)
        let ending = Ending()
        process.terminationHandler = { ended in
            ending.isOver.withLock { $0 = true }
            // As shells tell it: 128 + N when the signal N ended it.
            exit.succeed(ended.terminationReason == .exit ? ended.terminationStatus : 128 + ended.terminationStatus)
        }
        let box = UncheckedBox(process)
        do {
            // The kernel sends that signal when the thread that started the child ends, hence one that never does.
            try await NIOThreadPool.singleton.runIfActive { try withSignalsUnblocked { try box.value.run() } }
        } catch {
            exit.fail(error)
            throw error
        }
        try output.close()
        return ChildProcess(
            name: name, pid: process.processIdentifier, log: log, exit: exit.futureResult, ending: ending)
    }

    var hasEnded: Bool { ending.isOver.withLock { $0 } }

    /// Nothing when it has ended: the pid may be somebody else's by then.
    func signal(_ number: Int32) {
        ending.isOver.withLock { hasEnded in
            if !hasEnded { _ = kill(pid, number) }
        }
    }

    /// The exit status, when it has ended.
    func ended(within time: Duration) async throws -> Int32 { try await exit.get(within: time, "the end of \(name)") }

    /// SIGTERM, and SIGKILL when that is not obeyed. Returns when it is gone.
    ///
    /// - Returns: its exit status.
    @discardableResult
    func stop(within time: Duration = .seconds(5)) async -> Int32? {
        signal(SIGCONT)
        signal(SIGTERM)
        if let status = try? await ended(within: time) { return status }
        signal(SIGKILL)
        return try? await ended(within: .seconds(5))
    }

    var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Resident memory in bytes.
    var residentMemory: Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }

    /// Runs a short program to its end.
    ///
    /// - Returns: what it wrote to standard output.
    static func run(_ program: URL, _ arguments: [String], in directory: URL) async throws -> String {
        let log = directory.appending(path: "run-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: log) }
        let process = try await start(program.lastPathComponent, program, arguments, log: log)
        let status = try await process.ended(within: .seconds(20))
        guard status == 0 else { throw Programs.Missing(description: "\(program.path): \(status): \(process.output)") }
        return process.output
    }
}

/// A child inherits what its parent's thread blocks, and threads of pools block what is to end it.
private func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
    var none = sigset_t()
    var blocked = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &blocked)
    defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
    try body()
}

/// Handed to one other thread and not touched meanwhile.
private struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

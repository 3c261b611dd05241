import Foundation
import Synchronization

/// A real Redis with the configuration that the project ships.
final class RedisServer: Sendable {
    let port: Int
    private let directory: URL
    private let process = Mutex<ChildProcess?>(nil)

    init(in directory: URL) async throws {
        self.directory = directory
        port = try await FreePort.take()
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try await start()
    }

    private var data: URL { directory.appending(path: "redis") }

    var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts it on its port, with the data that it left. Returns when it answers.
    func start() async throws {
        let arguments = [
            Programs.root.appending(path: "deploy/redis.conf").path, "--bind", "127.0.0.1", "--port", "\(port)",
            "--dir", data.path,
        ]
        let started = try await ChildProcess.start(
            "redis", Programs.find("redis-server"), arguments, log: directory.appending(path: "redis.log"))
        process.withLock { $0 = started }
        try await eventually("Redis answers") { try await command("PING") == "PONG\n" }
    }

    /// Ends it at once, as a crash does.
    func kill() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        process.signal(SIGKILL)
        _ = try await process.ended(within: .seconds(5))
    }

    /// It neither answers nor is gone, until ``thaw()``.
    func freeze() { process.withLock { $0 }?.signal(SIGSTOP) }

    func thaw() { process.withLock { $0 }?.signal(SIGCONT) }

    func stop() async { await process.withLock { $0 }?.stop() }

    /// Forgets all data of a Redis that does not run.
    func loseData() throws {
        try FileManager.default.removeItem(at: data)
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    }

    /// What `redis-cli` prints.
    @discardableResult
    func command(_ words: String...) async throws -> String {
        try await ChildProcess.run(
            Programs.find("redis-cli"), ["-h", "127.0.0.1", "-p", "\(port)"] + words, in: directory)
    }

    /// `PUBLISH`.
    ///
    /// - Returns: how many subscribers got it.
    @discardableResult
    func publish(_ channel: String, _ message: String) async throws -> Int {
        Int(try await command("PUBLISH", channel, message).trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    /// A foreign program that listens to everything.
    func listen(to pattern: String) async throws -> ChildProcess {
        let listener = try await ChildProcess.start(
            "listener", Programs.find("redis-cli"), ["-h", "127.0.0.1", "-p", "\(port)", "PSUBSCRIBE", pattern],
            log: directory.appending(path: "listener.log"))
        try await eventually("the listener listens") { listener.output.contains("psubscribe") }
        return listener
    }
}

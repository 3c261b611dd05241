import Foundation
import Synchronization

/// One Redis or Sentinel of a ``RedisGroup``.
final class RedisMember: Sendable {
    let port: Int
    let busPort: Int
    private let security: RedisGroup.Security
    private let directory: URL
    private let arguments: [String]
    private let process = Mutex<ChildProcess?>(nil)

    /// - Parameter arguments: besides those that all have; given the ports and the folder of this one.
    init(
        in parent: URL, _ security: RedisGroup.Security,
        _ arguments: (_ port: Int, _ busPort: Int, URL) throws -> [String]
    ) async throws {
        port = try await FreePort.take()
        busPort = try await FreePort.take()
        self.security = security
        directory = parent.appending(path: "redis-\(port)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.arguments = try arguments(port, busPort, directory)
        try await start()
    }

    /// Starts it on its port, with the data that it left. Returns when it answers.
    func start() async throws {
        let started = try await ChildProcess.start(
            "redis-\(port)", Programs.find("redis-server"), arguments, log: directory.appending(path: "redis.log"))
        process.withLock { $0 = started }
        try await eventually("redis-\(port) answers") {
            let answer = try await command("PING")
            return answer == "PONG\n" || answer.hasPrefix("LOADING")
        }
    }

    /// Ends it at once, as a crash does.
    func kill() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        process.signal(SIGKILL)
        _ = try await process.ended(within: .seconds(5))
    }

    func freeze() { process.withLock { $0 }?.signal(SIGSTOP) }
    func thaw() { process.withLock { $0 }?.signal(SIGCONT) }
    func stop() async { await process.withLock { $0 }?.stop() }

    /// What `redis-cli` prints.
    @discardableResult
    func command(_ words: String...) async throws -> String { try await command(words) }

    func command(_ words: [String]) async throws -> String {
        try await ChildProcess.run(
            Programs.find("redis-cli"), ["-h", "127.0.0.1", "-p", "\(port)"] + security.clientArguments + words,
            in: directory)
    }

    /// A field of `INFO`.
    func info(_ section: String, _ field: String) async throws -> String? {
        try await command("INFO", section).split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix(field + ":") }.map { String($0.dropFirst(field.count + 1)) }
    }
}

import Foundation
import NIOCore
import NIOPosix

/// A `redis-server` of our own on a free port of the loopback, stopped by its pid.
final class RedisServer: @unchecked Sendable {
    // Tests use one server from one task at a time.
    let port: Int
    private let directory: URL
    private let arguments: [String]
    private var process: Process?

    static let path: String? = [
        "/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server",
    ]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

    struct Failed: Error { let log: String }

    var url: String { "redis://127.0.0.1:\(port)" }

    var pid: Int32? { process?.processIdentifier }

    init(_ arguments: [String] = []) async throws {
        self.port = try await Self.freePort()
        self.arguments = arguments
        self.directory = FileManager.default.temporaryDirectory.appending(
            path: "switchboard-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        do {
            try await start()
        } catch {
            remove()
            throw error
        }
    }

    /// Starts it, again with the same port and data, and returns when it takes connections.
    func start(_ more: [String] = [], waitingFor sign: String = "Ready to accept connections") async throws {
        guard let path = Self.path else { throw Failed(log: "no redis-server") }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments =
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory.path, "--save", "", "--appendonly", "no",
                "--repl-diskless-sync-delay", "0",
            ] + arguments + more
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let (text, continuation) = AsyncStream.makeStream(of: Data.self)
        // Also what it says later is read and forgotten, so that its pipe never fills.
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil } else { continuation.yield(data) }
        }
        process.terminationHandler = { _ in continuation.finish() }
        try process.run()
        self.process = process
        var log = ""
        for await data in text {
            log += String(decoding: data, as: UTF8.self)
            if log.contains(sign) { return }
        }
        throw Failed(log: log)
    }

    /// Ends it at once.
    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    func freeze() { if let pid { Foundation.kill(pid, SIGSTOP) } }

    func thaw() { if let pid { Foundation.kill(pid, SIGCONT) } }

    func remove() {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
            host: "127.0.0.1", port: 0
        ).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    /// Runs `body` with a server that is gone afterwards.
    static func with(_ arguments: [String] = [], _ body: (RedisServer) async throws -> Void) async throws {
        let server = try await RedisServer(arguments)
        defer { server.remove() }
        try await body(server)
    }
}

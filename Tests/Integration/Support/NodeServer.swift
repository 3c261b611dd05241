import Foundation
import Synchronization

/// One real node, on a port that it keeps.
final class NodeServer: Sendable {
    let id: String
    let port: Int
    let api: API
    private let arguments: [String]
    private let log: URL
    private let current = Mutex<ChildProcess?>(nil)
    private let failedToStop = Mutex(false)

    /// - Parameter options: flags of `switchboard serve`.
    init(id: String, redis: RedisServer?, options: [String], in directory: URL) async throws {
        self.id = id
        port = try await FreePort.take()
        api = API(port: port)
        let bus = redis.map { ["--redis", $0.url] } ?? []
        // No load balancer has to notice that a node stops, unless the test is about that.
        let delay = options.contains("--drain-delay") ? [] : ["--drain-delay", "0"]
        arguments = ["serve", "--host", "127.0.0.1", "--port", "\(port)", "--node-id", id] + bus + delay + options
        log = directory.appending(path: "\(id).log")
        try await start()
    }

    func start() async throws {
        let process = try await ChildProcess.start(id, Programs.switchboard(), arguments, log: log)
        current.withLock { $0 = process }
    }

    /// Until `/readyz` says so.
    func ready(within time: Duration = .seconds(20)) async throws {
        try await eventually("\(id) is ready", within: time) {
            if process?.hasEnded == true { throw Ended(id: id, log: process?.output ?? "") }
            return try await api.isReady()
        }
    }

    struct Ended: Error, CustomStringConvertible {
        let id: String
        let log: String
        var description: String { "\(id) has ended: \(log.suffix(2000))" }
    }

    var process: ChildProcess? { current.withLock { $0 } }
    var residentMemory: Int { process?.residentMemory ?? 0 }

    /// Ends it as a power cut does: no word to anybody.
    func kill() async throws {
        process?.signal(SIGKILL)
        _ = try await process?.ended(within: .seconds(5))
    }

    func freeze() { process?.signal(SIGSTOP) }
    func thaw() { process?.signal(SIGCONT) }

    /// Asks it to stop.
    ///
    /// - Returns: its exit status.
    func terminate(within time: Duration = .seconds(20)) async throws -> Int32? {
        process?.signal(SIGTERM)
        return try await process?.ended(within: time)
    }

    func stop() async {
        guard let process, !process.hasEnded else { return }
        let status = await process.stop(within: .seconds(10))
        failedToStop.withLock { $0 = status != 0 }
    }

    /// It did not obey, or was sorry to.
    var hadToBeKilled: Bool { failedToStop.withLock { $0 } }
}

import Foundation
import Synchronization
import Testing

/// Real nodes, with Redis between them and nginx before them, in a folder of their own.
final class Cluster: Sendable {
    struct Layout: Sendable {
        var nodes = 3
        var hasRedis = true
        var hasProxy = true
        /// Flags of `switchboard serve`, besides those that say where things are.
        var options: [String] = []
    }

    let directory: URL
    private let redisServer: RedisServer?
    private let proxy: ProxyServer?
    private let members: Mutex<[NodeServer]>
    private let failed = Mutex(false)
    private let others = Mutex<[ChildProcess]>([])

    /// The cluster of the running suite.
    @TaskLocal static var current: Cluster?

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The cluster that the suite's ``ClusterTrait`` has started.
    static func shared() throws -> Cluster {
        guard let current else { throw Missing(description: "this suite has no cluster") }
        return current
    }

    private init(directory: URL, redis: RedisServer?, nodes: [NodeServer], proxy: ProxyServer?) {
        self.directory = directory
        redisServer = redis
        members = Mutex(nodes)
        self.proxy = proxy
    }

    /// Starts everything and returns when every node is ready. What was started is stopped again when that fails.
    static func start(_ layout: Layout) async throws -> Cluster {
        let directory = FileManager.default.temporaryDirectory.appending(path: "switchboard-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var redis: RedisServer?
        var nodes: [NodeServer] = []
        do {
            if layout.hasRedis { redis = try await RedisServer(in: directory) }
            for number in 1...layout.nodes {
                nodes.append(
                    try await NodeServer(id: "n\(number)", redis: redis, options: layout.options, in: directory))
            }
            for node in nodes { try await node.ready() }
            let proxy = layout.hasProxy ? try await ProxyServer(nodes: nodes, in: directory) : nil
            let cluster = Cluster(directory: directory, redis: redis, nodes: nodes, proxy: proxy)
            // A node knows all others before the tests count on it.
            for node in nodes {
                try await eventually("\(node.id) sees all nodes") {
                    try await node.api.get("/v1/nodes", as: NodePage.self).nodes.count == layout.nodes
                }
            }
            return cluster
        } catch {
            let cluster = Cluster(directory: directory, redis: redis, nodes: nodes, proxy: nil)
            cluster.noteFailure()
            await cluster.stop()
            throw error
        }
    }

    /// Runs `body` with a cluster of its own as the current one.
    static func with(_ layout: Layout, _ body: () async throws -> Void) async throws {
        let cluster = try await start(layout)
        do {
            try await $current.withValue(cluster) { try await body() }
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    var nodes: [NodeServer] { members.withLock { $0 } }

    func redis() throws -> RedisServer {
        guard let redisServer else { throw Missing(description: "this cluster has no Redis") }
        return redisServer
    }

    /// Where clients and backends go: nginx, or the only node.
    var entrance: Int { proxy?.port ?? nodes[0].port }
    var api: API { API(port: entrance) }

    /// Until nobody is connected: what earlier tests left is gone.
    func empty() async throws {
        try await eventually("nobody is connected") { try await api.stats().total.sessions == 0 }
    }

    /// A further program that is stopped along with the cluster.
    func run(_ name: String, _ program: URL, _ arguments: [String]) async throws -> ChildProcess {
        let process = try await ChildProcess.start(
            name, program, arguments, log: directory.appending(path: "\(name).log"))
        others.withLock { $0.append(process) }
        return process
    }

    /// Its logs are worth looking at.
    func noteFailure() { failed.withLock { $0 = true } }

    /// Stops everything; shows the logs when a test has failed.
    func stop() async {
        for process in others.withLock({ $0 }) { await process.stop() }
        await proxy?.stop()
        await withTaskGroup { group in
            for node in nodes { group.addTask { await node.stop() } }
        }
        for node in nodes where node.hadToBeKilled {
            failed.withLock { $0 = true }
            Issue.record("\(node.id) has not stopped in good order")
        }
        await redisServer?.stop()
        if failed.withLock({ $0 }) { showLogs() }
        try? FileManager.default.removeItem(at: directory)
    }

    private func showLogs() {
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: directory.path)) ?? []
        for file in files.sorted() where file.hasSuffix(".log") && !file.hasSuffix("access.log") {
            guard let text = try? String(contentsOf: directory.appending(path: file), encoding: .utf8), !text.isEmpty
            else { continue }
            print("--- the end of \(file)\n\(text.split(separator: "\n").suffix(25).joined(separator: "\n"))")
        }
    }
}

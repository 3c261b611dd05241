import Foundation
import NIOPosix

/// A real nginx with the configuration that the project ships, in front of all nodes.
final class ProxyServer: Sendable {
    let port: Int
    private let process: ChildProcess

    init(nodes: [NodeServer], in directory: URL) async throws {
        port = try await FreePort.take()
        let folder = directory.appending(path: "nginx")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let nginx = try Programs.find("nginx")
        var arguments = [
            "--listen", "127.0.0.1:\(port)", "--logs", folder.path, "--state", folder.path, "--nginx", nginx.path,
        ]
        for node in nodes { arguments += ["--node", "127.0.0.1:\(node.port)"] }
        // Started as root, its workers would become a user that may not look into this folder.
        if geteuid() == 0 { arguments += ["--user", "root"] }
        let configuration = try await ChildProcess.run(
            Programs.root.appending(path: "nginx/render"), arguments, in: directory)
        let file = folder.appending(path: "nginx.conf")
        try Data(configuration.utf8).write(to: file)
        process = try await ChildProcess.start(
            "nginx", nginx, ["-p", folder.path, "-c", file.path, "-e", folder.appending(path: "error.log").path],
            // Killed, it would leave its workers behind.
            log: directory.appending(path: "nginx.log"), lastSignal: "TERM")
        let api = API(port: port)
        try await eventually("nginx answers") { try await api.get("/nginx-healthz").status == 200 }
    }

    func stop() async { await process.stop() }
}

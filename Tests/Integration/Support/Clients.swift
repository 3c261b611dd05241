import NIOCore
import Synchronization

/// The clients of one test: connected in whichever way, and gone when the test ends, however it ends.
final class Clients: Sendable {
    let cluster: Cluster
    private let all = Mutex<[SocketClient]>([])

    private init(cluster: Cluster) { self.cluster = cluster }

    static func with(_ body: (Clients, Cluster) async throws -> Void) async throws {
        let cluster = try Cluster.shared()
        let clients = Clients(cluster: cluster)
        do {
            try await body(clients, cluster)
        } catch {
            await clients.dropAll()
            throw error
        }
        await clients.dropAll()
    }

    private func dropAll() async { for client in all.withLock({ $0 }) { await client.drop() } }

    /// Connects as `switchboard.v1` client and takes its `hello`.
    func framed(_ id: String, on node: NodeServer? = nil, query: String = "") async throws -> SocketClient {
        var options = options(id, on: node, query: query)
        options.subprotocols = ["switchboard.v1"]
        let client = try await connect(options)
        try await client.frame("hello", of: Hello.self)
        return client
    }

    /// Connects as raw client. Since nobody greets those, a first push shows that it takes part.
    func raw(_ id: String, on node: NodeServer? = nil, query: String = "") async throws -> SocketClient {
        let client = try await connect(options(id, on: node, query: query))
        try await settle(client, id)
        return client
    }

    /// Connects as raw client of the group that takes durable pushes of histories, and tells every text that comes.
    func listener(_ id: String, on node: NodeServer, _ told: @escaping @Sendable (String) -> Void) async throws {
        var options = options(id, on: node, query: "group=\(FailoverLoad.group)")
        options.onMessage = { told(String(buffer: $0)) }
        _ = try await connect(options)
    }

    /// Until a push reaches the client, which must be reading.
    func settle(_ client: SocketClient, _ id: String) async throws {
        let api = API(port: cluster.entrance)
        try await eventually("\(id) takes part") {
            try await api.post("/v1/clients/\(id)/push", "settled").decode(PushAnswer.self).delivered == 1
        }
        while try await client.text() != "settled" {}
    }

    func options(_ id: String?, on node: NodeServer? = nil, query: String = "") -> SocketClient.Options {
        let name = id.map { "clientId=\($0)" }
        let all = [name, query.isEmpty ? nil : query].compactMap { $0 }.joined(separator: "&")
        return SocketClient.Options(port: node?.port ?? cluster.entrance, target: all.isEmpty ? "/ws" : "/ws?" + all)
    }

    func connect(_ options: SocketClient.Options) async throws -> SocketClient {
        let client = try await SocketClient.connect(options)
        all.withLock { $0.append(client) }
        return client
    }
}

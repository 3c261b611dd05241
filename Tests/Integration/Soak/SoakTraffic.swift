import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Clients that come and go, and everything that backends and clients do meanwhile.
final class SoakTraffic: Sendable {
    private struct State {
        var connections = 0
        var requests = 0
        var received = 0
        var failures = 0
        var lastFailure = ""
    }

    /// Enough that none connects so often that it has to cool down.
    private static let names = 3000

    private let cluster: Cluster
    private let churn: Int
    private let state = Mutex(State())

    init(cluster: Cluster, churn: Int) {
        self.cluster = cluster
        self.churn = churn
    }

    var connections: Int { state.withLock { $0.connections } }
    var failures: Int { state.withLock { $0.failures } }
    var lastFailure: String { state.withLock { $0.lastFailure } }

    var summary: String {
        state.withLock {
            "\($0.connections) connections, \($0.requests) requests, \($0.received) messages received, \($0.failures) failures"
        }
    }

    /// Until it is cancelled, and the last client has gone.
    func run() async {
        let clock = ContinuousClock()
        let start = clock.now
        await withDiscardingTaskGroup { group in
            var begun = 0
            while !Task.isCancelled {
                let due = Int((clock.now - start) / .seconds(1) * Double(churn))
                while begun < due {
                    let number = begun
                    group.addTask { await Task { await self.life(of: number) }.value }
                    if number % 2 == 0 { group.addTask { await Task { await self.request(number) }.value } }
                    begun += 1
                }
                try? await clock.sleep(for: .milliseconds(20))
            }
        }
    }

    private func noting(_ what: String, _ body: () async throws -> Void) async {
        do { try await body() } catch {
            state.withLock { state in
                state.failures += 1
                state.lastFailure = "\(what): \(error)"
            }
        }
    }

    // MARK: Clients

    private func life(of number: Int) async {
        await noting("a client") {
            let isFramed = number % 3 != 0
            var options = SocketClient.Options(
                port: cluster.entrance, target: "/ws?clientId=soak-\(number % Self.names)&group=g\(number % 20)")
            if isFramed { options.subprotocols = ["switchboard.v1"] }
            options.onMessage = { [self] _ in state.withLock { $0.received += 1 } }
            let client = try await SocketClient.connect(options)
            state.withLock { $0.connections += 1 }
            for step in 0..<Int.random(in: 2...8) {
                try await Task.sleep(for: .milliseconds(Int.random(in: 300...700)))
                // Pushed out by a broken test, not by the node.
                guard client.channel.isActive else { break }
                try await client.send(
                    isFramed ? #"{"type":"message","id":"\#(number)-\#(step)","data":{"n":\#(step)}}"# : "up \(step)")
                if isFramed, step == 1 { try await client.send(#"{"type":"health","data":{"load":0.5}}"#) }
            }
            // Half of them go without a word.
            if number % 2 == 0 { await client.drop() } else { try await client.leave() }
        }
    }

    // MARK: Backends

    private func request(_ number: Int) async {
        await noting("a request") {
            state.withLock { $0.requests += 1 }
            let client = "soak-\(max(0, number - Int.random(in: 0..<100)) % Self.names)"
            let json: String
            switch number / 2 % 10 {
            case 0: json = #"{"to":{"all":true},"data":{"n":\#(number)}}"#
            case 1: json = #"{"to":{"group":"g\#(number % 20)"},"text":"x","durable":true,"ttl":20}"#
            case 2...4: json = #"{"to":{"client":"\#(client)"},"data":1,"durable":true,"ttl":20,"collapse":"c"}"#
            case 5: return try await command(to: client)
            case 6: return try await look(at: client)
            default: json = #"{"to":{"client":"\#(client)"},"data":{"n":\#(number)},"id":"soak-\#(number)"}"#
            }
            let answer = try await cluster.api.push(json)
            // A mailbox may be full of what nobody has acked.
            guard [200, 202, 429].contains(answer.status) else {
                throw API.Unexpected(answer: answer, wanted: "a push")
            }
        }
    }

    /// Nobody answers it: these clients have no commands.
    private func command(to client: String) async throws {
        let answer = try await cluster.api.send(
            .POST, "/v1/clients/\(client)/commands", ByteBuffer(string: #"{"name":"noop","timeout":0.5}"#),
            type: "application/json")
        guard [404, 409, 504].contains(answer.status) else { throw API.Unexpected(answer: answer, wanted: "no result") }
    }

    private func look(at client: String) async throws {
        let answer = try await cluster.api.get("/v1/clients/\(client)")
        guard [200, 404].contains(answer.status) else { throw API.Unexpected(answer: answer, wanted: "presence") }
        guard try await cluster.api.get("/v1/clients?state=online&limit=50").status == 200 else {
            throw API.Unexpected(answer: answer, wanted: "a page")
        }
    }
}

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// The HTTP API at one address, as a backend calls it: over kept-alive connections.
struct API: Sendable {
    let base: String

    init(port: Int) { base = "http://127.0.0.1:\(port)" }

    /// Kept for as long as the process lives, as its documentation allows.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// An answer, whatever its status.
    struct Answer: Sendable, CustomStringConvertible {
        let status: Int
        let headers: HTTPHeaders
        let body: ByteBuffer

        var text: String { String(buffer: body) }
        var description: String { "\(status) \(text)" }

        func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            do { return try JSONDecoder().decode(type, from: body) } catch {
                throw Unexpected(answer: self, wanted: "\(type)")
            }
        }

        /// The stable code of a problem document; nil when it is none.
        var problem: String? {
            guard headers.first(name: "Content-Type") == "application/problem+json" else { return nil }
            return try? decode(ProblemDocument.self).code
        }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let answer: Answer
        let wanted: String
        var description: String { "\(wanted) expected, not \(answer)" }
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: ByteBuffer? = nil, type: String? = nil,
        headers: HTTPHeaders = [:],
        timeout: TimeAmount = .seconds(15)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        request.headers = headers
        if let type { request.headers.replaceOrAdd(name: "Content-Type", value: type) }
        if let body { request.body = .bytes(body) }
        let response = try await Self.client.execute(request, timeout: timeout)
        return Answer(
            status: Int(response.status.code), headers: response.headers,
            body: try await response.body.collect(upTo: 64 * 1024 * 1024))
    }

    func get(_ path: String) async throws -> Answer { try await send(.GET, path) }

    /// `GET` of what must be there.
    func get<Value: Decodable>(_ path: String, as type: Value.Type) async throws -> Value {
        let answer = try await get(path)
        guard answer.status == 200 else { throw Unexpected(answer: answer, wanted: "200") }
        return try answer.decode(type)
    }

    /// `POST /v1/push` with this JSON.
    func push(_ json: String) async throws -> Answer {
        try await send(.POST, "/v1/push", ByteBuffer(string: json), type: "application/json")
    }

    /// A push that must be answered 200.
    func pushed(_ json: String) async throws -> PushAnswer {
        let answer = try await push(json)
        guard answer.status == 200 else { throw Unexpected(answer: answer, wanted: "200") }
        return try answer.decode()
    }

    /// A push by one of the shorthands, whose body is the payload.
    func post(_ path: String, _ text: String, type: String = "text/plain") async throws -> Answer {
        try await send(.POST, path, ByteBuffer(string: text), type: type)
    }

    func client(_ id: String) async throws -> ClientInfo { try await get("/v1/clients/\(id)", as: ClientInfo.self) }

    func stats() async throws -> Stats { try await get("/v1/stats", as: Stats.self) }

    func isReady() async throws -> Bool { try await send(.GET, "/readyz", timeout: .seconds(3)).status == 200 }
}

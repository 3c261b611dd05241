import NIOCore
import NIOHTTP1
import Testing

/// What is refused, and how: through nginx, as a backend or client would see it.
@Suite("Refusals", .cluster(), .logsOnFailure, .timeLimit(.minutes(1)))
struct RefusalTests {
    @Test(
        "A push that is not valid",
        arguments: [
            (#"{"to":{"client":"a"},"data":"#, "malformed_json"), ("", "malformed_json"), ("[]", "malformed_json"),
            (#"{"to":{"client":"a"},"data":01}"#, "malformed_json"),
            (#"{"data":1}"#, "invalid_target"), (#"{"to":{},"data":1}"#, "invalid_target"),
            (#"{"to":{"client":"a","all":true},"data":1}"#, "invalid_target"),
            (#"{"to":{"client":"a b"},"data":1}"#, "invalid_client_id"),
            (#"{"to":{"group":""},"data":1}"#, "invalid_group"),
            (#"{"to":{"client":"a"}}"#, "invalid_payload"),
            (#"{"to":{"client":"a"},"data":1,"text":"x"}"#, "invalid_payload"),
            (#"{"to":{"client":"a"},"base64":"%"}"#, "invalid_payload"),
            (#"{"to":{"client":"a"},"data":1,"unheardOf":1}"#, "invalid_request"),
        ])
    func invalidPush(_ body: String, _ code: String) async throws {
        let answer = try await Cluster.shared().api.push(body)
        #expect(answer.status == 400)
        #expect(answer.problem == code)
        #expect(answer.headers.contains(name: "X-Request-Id"))
    }

    @Test("A body over the limit", arguments: [256 * 1024 + 1, 3_000_000])
    func oversize(_ bytes: Int) async throws {
        let body = String(repeating: "x", count: bytes)
        let cluster = try Cluster.shared()
        let answer = try await cluster.api.post("/v1/broadcast", body)
        #expect(answer.status == 413)
        #expect(answer.problem == "body_too_large")
        #expect(try await cluster.api.post("/v1/broadcast", String(repeating: "x", count: 256 * 1024)).status == 200)
    }

    @Test("An oversize body is refused from its length alone, without waiting for it", arguments: ["nginx", "node"])
    func oversizeUnsent(_ by: String) async throws {
        let cluster = try Cluster.shared()
        let connection = try await Connection.open(port: by == "nginx" ? cluster.entrance : cluster.nodes[0].port)
        try await connection.write("POST /v1/broadcast HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999\r\n\r\n")
        let answer = try await connection.answer()
        #expect(answer.status == 413)
        #expect(answer.problem == "body_too_large")
        await connection.close()
    }

    @Test(
        "A connection is refused before the upgrade",
        arguments: [
            ("/ws?clientId=a%20b", "invalid_client_id"), ("/ws?clientId=", "invalid_client_id"),
            ("/ws?clientId=" + String(repeating: "a", count: 129), "invalid_client_id"),
            ("/ws?clientId=a&clientId=b", "invalid_client_id"), ("/ws?clientId=a&group=%2F", "invalid_group"),
        ])
    func connects(_ target: String, _ code: String) async throws {
        let options = SocketClient.Options(port: try Cluster.shared().entrance, target: target)
        let refused = try await #require(throws: SocketClient.Refused.self) { try await SocketClient.connect(options) }
        #expect(refused.answer.status == 400)
        #expect(refused.answer.problem == code)
    }

    @Test("Unknown subprotocols are refused; with a known one among them it is chosen")
    func subprotocols() async throws {
        try await Clients.with { clients, _ in
            var options = clients.options("subprotocols")
            options.subprotocols = ["graphql-ws", "switchboard.v99"]
            let unknown = options
            let refused = try await #require(throws: SocketClient.Refused.self) { try await clients.connect(unknown) }
            #expect(refused.answer.status == 400)
            #expect(refused.answer.problem == "unknown_subprotocol")
            options.subprotocols = ["graphql-ws", "switchboard.v1"]
            try await clients.connect(options).frame("hello", of: Hello.self)
        }
    }

    @Test("A route that is not there, a method that is not allowed, a WebSocket route without an upgrade")
    func routes() async throws {
        let api = try Cluster.shared().api
        #expect(try await api.get("/v1/nothing").problem == "not_found")
        let wrong = try await api.send(.DELETE, "/v1/push")
        #expect(wrong.status == 405)
        #expect(wrong.headers.first(name: "Allow")?.contains("POST") == true)
        #expect(try await api.get("/ws").problem == "upgrade_required")
        #expect(try await api.get("/v1/clients/nobody-knows-me").problem == "client_not_found")
        #expect(try await api.get("/v1/clients?limit=0").problem == "invalid_request")
    }
}

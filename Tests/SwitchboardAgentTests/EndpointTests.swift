import NIOCore
import NIOHTTP1
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// URLs, and the answers that refuse an upgrade.
@Suite struct EndpointTests {
    @Test(
        arguments: [
            ("ws://host", "host", 80, false, "/ws", "host", "host"),
            ("ws://host:8080/", "host", 8080, false, "/ws", "host:8080", "host"),
            ("wss://a.example/socket", "a.example", 443, true, "/socket", "a.example", "a.example"),
            ("HTTPS://a.example:443", "a.example", 443, true, "/ws", "a.example", "a.example"),
            ("http://127.0.0.1:80/ws", "127.0.0.1", 80, false, "/ws", "127.0.0.1", nil),
            ("ws://[::1]:9/ws", "::1", 9, false, "/ws", "[::1]:9", nil),
        ] as [(String, String, Int, Bool, String, String, String?)])
    func readsURLs(
        url: String, host: String, port: Int, isSecure: Bool, path: String, authority: String, serverName: String?
    ) throws {
        let endpoint = try Endpoint(url)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.isSecure == isSecure)
        #expect(endpoint.path == path)
        #expect(endpoint.authority == authority)
        #expect(endpoint.serverName == serverName)
    }

    @Test(arguments: ["", "host", "host:8080", "ftp://host", "ws://", "ws://:80", "ws:///ws", "ws://host:70000"])
    func refusesOtherTexts(url: String) {
        #expect(throws: AgentError.self) { try Endpoint(url) }
    }

    @Test func keepsTheQueryOfTheURL() throws {
        let endpoint = try Endpoint("ws://host/ws?tenant=a%20b")
        #expect(endpoint.target(client: nil, groups: [], labels: [:]) == "/ws?tenant=a%20b&hello=1")
        #expect(
            endpoint.target(
                client: ClientID(rawValue: "a@b"), groups: [GroupName(unchecked: "g")],
                labels: ["z": "&=\u{7}", "a": "~"])
                == "/ws?tenant=a%20b&clientId=a%40b&group=g&label.a=~&label.z=%26%3D%07&hello=1")
    }

    @Test(
        arguments: [
            ("120", 120), ("0", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400 - 784_111_740),
            ("-1", nil), ("1.5", nil), ("soon", nil), ("Sun, 06 Nov 1994 25:49:37 GMT", nil),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil),
        ] as [(String, Double?)])
    func readsRetryAfter(value: String, seconds: Double?) {
        #expect(RetryAfter.seconds(value, now: 784_111_740) == seconds)
    }

    @Test func readsProblemDocuments() {
        let head = HTTPResponseHead(version: .http1_1, status: .conflict, headers: ["Retry-After": "3"])
        let problem = ByteBuffer(string: #"{"title": "Taken", "detail": "kiosk-7 is connected", "code": "duplicate"}"#)
        let refusal = Refusal(head: head, body: problem, now: 0)
        #expect(refusal.description == "duplicate: kiosk-7 is connected (409)")
        #expect(refusal.retryAfter == 3)
        let html = Refusal(head: head, body: ByteBuffer(string: "<html>"), now: 0)
        #expect(html.description == "Conflict (409)")
    }
}

import NIOCore

@testable import SwitchboardServer

/// Push requests as clients write them.
enum PushRequestSamples {
    static func bytes(
        _ headers: String = "", line: String = "POST /v1/push HTTP/1.1", host: String = "Host: a\r\n",
        body: String = "{}",
        length: String? = nil
    ) -> ByteBuffer {
        let length = length ?? "Content-Length: \(body.utf8.count)\r\n"
        return ByteBuffer(string: line + "\r\n" + host + headers + length + "\r\n" + body)
    }

    static let valid: [ByteBuffer] = [
        bytes(), bytes(body: ""),
        bytes("Content-Type: text/plain\r\n", line: "POST /v1/broadcast HTTP/1.1", body: "hello"),
        bytes(line: "POST /v1/clients/kiosk-7/push?offline=fail HTTP/1.1"),
        bytes(line: "POST /v1/groups/a:b@c/push HTTP/1.1"),
        bytes(line: "POST /v1/push? HTTP/1.1"), bytes(line: "POST /v1/push?a=b&c HTTP/1.1"), bytes(host: "HOST:a\r\n"),
        bytes("Connection: close\r\n"), bytes("connection:  Keep-Alive \r\n"),
        bytes("User-Agent: curl/8 (x; y)\r\nAccept: */*\r\nX-Empty:\r\nX-Tab:\t a\tb \t\r\n"),
        bytes("X-Request-Id: order-81\r\nPrefer: wait=3\r\nIdempotency-Key: k\r\nAuthorization: Bearer k\r\n"),
        bytes(body: "POST /v1/push HTTP/1.1\r\n\r\n"), bytes(body: String(repeating: "\r\n\r\n", count: 100)),
        bytes(length: "content-length:\t00002 \r\n"),
    ]

    static func parse(_ bytes: ByteBuffer, bodyLimit: Int = 256 * 1024) -> PushRequestParser.Result {
        PushRequestParser(bodyLimit: bodyLimit).parse(bytes)
    }

    /// How many bytes an unfinished request waits for; nil for anything else.
    static func needed(_ bytes: ByteBuffer) -> Int? {
        switch parse(bytes) {
        case .incomplete(let needed), .head(_, let needed): needed
        default: nil
        }
    }

    static func request(_ bytes: ByteBuffer, bodyLimit: Int = 256 * 1024) -> PushRequestParser.Request? {
        if case .request(let request) = parse(bytes, bodyLimit: bodyLimit) { request } else { nil }
    }
}

import NIOCore
import Testing

@testable import SwitchboardServer

/// A request is never framed in two ways: what looks odd in any way is the real parser's.
@Suite struct PushRequestParserOddTests {
    private static let opening = "POST /v1/push HTTP/1.1\r\n"
    private static let line = "POST /v1/push HTTP/1.1"

    private static let requestLines: [String] = [
        "GET /v1/push HTTP/1.1", "PUT /v1/push HTTP/1.1", "post /v1/push HTTP/1.1", "POSTX /v1/push HTTP/1.1",
        " POST /v1/push HTTP/1.1", "\r\nPOST /v1/push HTTP/1.1", "POST  /v1/push HTTP/1.1", "POST\t/v1/push HTTP/1.1",
        "POST /v1/push  HTTP/1.1", "POST /v1/push HTTP/1.1 ", "POST /v1/push HTTP/1.1\t", "POST /v1/push HTTP/1.0",
        "POST /v1/push HTTP/2.0", "POST /v1/push HTTP/1.10", "POST /v1/push http/1.1", "POST /v1/push",
        "POST /v1/push ",
        "POST HTTP/1.1", "POST http://a/v1/push HTTP/1.1", "POST //v1/push HTTP/1.1", "POST /V1/push HTTP/1.1",
        "POST /v1//push HTTP/1.1", "POST /v1/push/ HTTP/1.1", "POST /v1/pushes HTTP/1.1", "POST /v1/ HTTP/1.1",
        "POST /v1/clients/push HTTP/1.1", "POST /v1/clients//push HTTP/1.1", "POST /v1/clients/a/b/push HTTP/1.1",
        "POST /v1/clients/a/commands HTTP/1.1", "POST /v1/clients/a/push/x HTTP/1.1", "POST /v1/groups/g HTTP/1.1",
        "POST /v1/clients/a%2Fb/push HTTP/1.1", "POST /v1/pus%68 HTTP/1.1", "POST /v1/push#x HTTP/1.1",
        "POST /v1/push?a=%41 HTTP/1.1", "POST /v1/push?a=b+c HTTP/1.1", "POST /v1/push?a=b c HTTP/1.1",
        "POST /v1/clients/\u{E9}/push HTTP/1.1", "POST /v1/push?\u{0} HTTP/1.1", "POST /v1/push?\u{7F} HTTP/1.1",
        "POST /v1/push?\t HTTP/1.1", "POST /v1/push\rX: HTTP/1.1", "POST /v1/push HTTP/1.1\r",
        "POST /v1/push HTTP/1.1\nX: y",
    ]

    /// Each stands between `Host` and `Content-Length`.
    private static let headers: [String] = [
        "Transfer-Encoding: chunked\r\n", "transfer-ENCODING: identity\r\n", "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding:\r\n", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n", "\tTransfer-Encoding: chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tfolded\r\n", "X: y\nTransfer-Encoding: chunked\r\n", "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\r\r\n", "X: \u{0}\r\n", "X: \u{1}\r\n", "X: \u{7F}\r\n", "X: y\u{B}\r\n", "X\u{0}: y\r\n",
        "Content-Length: 2\r\n", "content-length: 2\r\n", "Content-Length: 3\r\n", "Content-Length:\r\n",
        "Content-Length : 2\r\n", "Host: a\r\n", "host: b\r\n", "Expect: 100-continue\r\n", "EXPECT: x\r\n",
        "Upgrade: websocket\r\n", "Upgrade: h2c\r\n", "Connection: upgrade\r\n", "Connection: keep-alive, Upgrade\r\n",
        "Connection: close, x\r\n", "Connection:\r\n", "Content-Encoding: gzip\r\n",
        "Content-Type: a\r\nContent-Type: b\r\n",
        "Prefer: a\r\nPrefer: wait=1\r\n", ": x\r\n", "x\r\n", "no colon\r\n", "a b: c\r\n", "a\u{E9}: c\r\n",
        "\u{FF21}: c\r\n",
        "a(b): c\r\n", "a/b: c\r\n", "a@b: c\r\n", "a[0]: c\r\n", "a{0}: c\r\n", "a\"b: c\r\n", "a,b: c\r\n",
        "a;b: c\r\n",
        "a<b>: c\r\n", "a=b: c\r\n", "a?b: c\r\n", "a\\b: c\r\n",
    ]

    private static let lengths: [String] = [
        "", "Content-Length:\r\n", "Content-Length: \r\n", "Content-Length: +2\r\n", "Content-Length: -2\r\n",
        "Content-Length: 0x2\r\n", "Content-Length: 2,2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: 2 2\r\n",
        "Content-Length: 2.0\r\n", "Content-Length: 2e0\r\n", "Content-Length: two\r\n", "Content-Length: 2;\r\n",
        "Content-Length: \"2\"\r\n", "Content-Length: \u{FF12}\r\n", "Content-Length: 2\u{A0}\r\n",
        "Content-Length: 2\t\r\n",
        "Content-Length: 9999999999999\r\n", "Content-Length: 18446744073709551618\r\n", "Content_Length: 2\r\n",
        "Content-Length=2\r\n", "X-Content-Length: 2\r\n",
    ]

    private static let whole: [String] = [
        // Line ends that only a lenient parser takes.
        "POST /v1/push HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}",
        "POST /v1/push HTTP/1.1\r\nHost: a\r\nContent-Length: 2\n\n{}",
        "POST /v1/push HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\n{}",
        "POST /v1/push HTTP/1.1\r\nHost: a\r\nContent-Length: 2\n\r\n{}",
        "POST /v1/push HTTP/1.1\rHost: a\rContent-Length: 2\r\r{}",
        "POST /v1/push HTTP/1.1\r\n\r\n", "POST /v1/push HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /v1/push HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}", "\r\n", "\n", "P\r\n", "POST\r\n", "POST /v2",
        "XOST /v1/",
    ]

    private static let odd: [ByteBuffer] =
        requestLines.map { PushRequestSamples.bytes(line: $0) } + headers.map { PushRequestSamples.bytes($0) }
        + lengths.map { PushRequestSamples.bytes(length: $0) } + whole.map { ByteBuffer(string: $0) }

    @Test func oddRequestsAreLeftToTheRealParser() {
        for bytes in Self.odd {
            guard case .other = PushRequestSamples.parse(bytes) else {
                Issue.record("\(String(buffer: bytes).debugDescription) gives \(PushRequestSamples.parse(bytes))")
                continue
            }
        }
    }

    @Test func noPartOfThemIsARequest() throws {
        for bytes in Self.odd {
            for length in 0..<bytes.readableBytes {
                let prefix = try #require(bytes.getSlice(at: 0, length: length))
                if PushRequestSamples.request(prefix) != nil {
                    Issue.record("\(length) bytes of \(String(buffer: bytes).debugDescription)")
                }
            }
        }
    }

    /// The table proves nothing if its parts are odd even where nothing was put in.
    @Test func whatTheTableIsMadeOfIsNotOdd() {
        #expect(PushRequestSamples.request(PushRequestSamples.bytes("X: y\r\n")) != nil)
    }
}

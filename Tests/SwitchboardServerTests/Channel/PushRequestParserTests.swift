import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct PushRequestParserTests {
    @Test func readsWhatMatters() throws {
        let bytes = PushRequestSamples.bytes(
            "content-TYPE:  text/plain; charset=utf-8 \r\nPREFER: respond-async\r\nx-request-id: order-81\r\n",
            line: "POST /v1/clients/kiosk-7/push?offline=fail&durable=false HTTP/1.1", body: "hi\r\n")
        let request = try #require(PushRequestSamples.request(bytes))
        #expect(request.length == bytes.readableBytes)
        #expect(request.requestID == "order-81")
        #expect(!request.isLast)
        #expect(request.push.route == .client("kiosk-7"))
        #expect(request.push.query == "offline=fail&durable=false")
        #expect(request.push.contentType == "text/plain; charset=utf-8")
        #expect(request.push.prefer == "respond-async")
        #expect(request.head.authorization == nil)
        #expect(request.push.idempotencyKey == nil)
        #expect(request.push.body == ByteBuffer(string: "hi\r\n"))
    }

    /// Which pages may send it is asked where there is time for it.
    @Test func pagesAreForTheRealParser() {
        #expect(PushRequestSamples.request(PushRequestSamples.bytes("oRiGiN: http://localhost\r\n")) == nil)
    }

    @Test(
        arguments: [
            ("/v1/push", PushRoute.push), ("/v1/broadcast", .broadcast), ("/v1/clients/a/push", .client("a")),
            ("/v1/groups/shop:1/push", .group("shop:1")), ("/v1/clients/push/push", .client("push")),
            ("/v1/clients/?/push", nil), ("/v1/clients/\"/push", .client("\"")),
        ] as [(String, PushRoute?)])
    func routes(path: String, route: PushRoute?) {
        #expect(
            PushRequestSamples.request(PushRequestSamples.bytes(line: "POST \(path) HTTP/1.1"))?.push.route == route)
    }

    @Test func whoAsksAndUnderWhichKey() throws {
        var bytes = ByteBuffer(string: "before")
        bytes.writeImmutableBuffer(PushRequestSamples.bytes("Authorization: \tBearer x \r\nIdempotency-Key:\r\n"))
        bytes.moveReaderIndex(forwardBy: 6)
        let request = try #require(PushRequestSamples.request(bytes))
        let authorization = try #require(request.head.authorization)
        #expect(bytes.getString(at: 6 + authorization.lowerBound, length: authorization.count) == "Bearer x")
        #expect(request.push.idempotencyKey != nil)
        let empty = try #require(PushRequestSamples.request(PushRequestSamples.bytes("Authorization:\r\n")))
        #expect(empty.head.authorization?.isEmpty == true)
        // Which of two would count is not for this parser to say.
        #expect(PushRequestSamples.request(PushRequestSamples.bytes("Authorization: a\r\nauthorization: a\r\n")) == nil)
    }

    @Test(arguments: [
        ("", false), ("Connection: keep-alive\r\n", false), ("Connection: CLOSE\r\n", true),
        ("Connection: keep-alive\r\nConnection: close\r\n", true),
    ])
    func theLastRequest(headers: String, isLast: Bool) {
        #expect(PushRequestSamples.request(PushRequestSamples.bytes(headers))?.isLast == isLast)
    }

    @Test(arguments: ["a b", "", "\"", "x\u{E9}", String(repeating: "x", count: 129)])
    func anUnfitRequestIDIsNotTaken(id: String) throws {
        let request = try #require(PushRequestSamples.request(PushRequestSamples.bytes("X-Request-Id: \(id)\r\n")))
        #expect(request.requestID == nil)
    }

    @Test func whatFollowsIsLeftAlone() throws {
        for first in PushRequestSamples.valid {
            let length = first.readableBytes
            var bytes = ByteBuffer(string: "before")
            bytes.writeImmutableBuffer(first)
            bytes.writeString("POST /v1/push HTTP/1.1\r\n")
            bytes.moveReaderIndex(forwardBy: 6)
            let request = try #require(PushRequestSamples.request(bytes))
            #expect(request.length == length)
            #expect(
                request.push.body
                    == first.getSlice(
                        at: length - request.push.body.readableBytes, length: request.push.body.readableBytes))
        }
    }

    /// A request arrives in any pieces, and `needed` may not make the reader wait for bytes that never come.
    @Test func untilItIsWholeItIsIncomplete() throws {
        for bytes in PushRequestSamples.valid {
            for length in 0..<bytes.readableBytes {
                let prefix = try #require(bytes.getSlice(at: 0, length: length))
                guard let needed = PushRequestSamples.needed(prefix) else {
                    Issue.record("\(length) bytes of \(String(buffer: bytes)) are taken for something whole")
                    return
                }
                #expect(needed > length)
                #expect(needed <= bytes.readableBytes)
            }
            #expect(PushRequestSamples.request(bytes)?.length == bytes.readableBytes)
        }
    }

    @Test func theLengthIsKnownOnceTheHeadIsThere() throws {
        let bytes = PushRequestSamples.bytes(body: String(repeating: "x", count: 1000))
        let head = try #require(bytes.getSlice(at: 0, length: bytes.readableBytes - 1000))
        guard case .head(let start, let needed) = PushRequestSamples.parse(head) else {
            Issue.record("the head alone is no request")
            return
        }
        #expect(needed == bytes.readableBytes)
        #expect(start.route == .push && start.authorization == nil)
    }

    private enum Kind: Sendable { case undecided, socket, other }

    @Test(arguments: [
        ("G", Kind.undecided), ("GET /w", .undecided), ("GET /v1/l", .undecided),
        ("GET /v1/live HTTP/1.1\r\nUpgrade: websocket\r\n", .undecided),
        ("GET /v1/live HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", .socket),
        ("GET /v1/live HTTP/1.1\r\nHost: a\r\n\r\n", .other),
        ("GET /ws?clientId=a HTTP/1.1\r\nUpgrade: websocket\r\n", .undecided),
        ("GET /ws HTTP/1.1\r\nHost: a\r\nupgrade:  WebSocket\r\n\r\n", .socket),
        ("GET /ws/echo HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", .socket),
        ("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", .other), ("GET /ws HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", .other),
        ("GET /v1/nodes HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", .other), ("GET /x", .other), ("HEAD", .other),
        ("GET /ws" + String(repeating: "x", count: PushRequestParser.maximumHeadBytes), .other),
    ])
    private func requestsForASocketAreTold(text: String, kind: Kind) {
        let bytes = ByteBuffer(string: text)
        let isUndecided = if case .undecided = PushRequestSamples.parse(bytes) { true } else { false }
        #expect(isUndecided == (kind == .undecided))
        let isSocketRequest = PushRequestParser(bodyLimit: 0).isSocketRequest(bytes)
        #expect(isSocketRequest == (kind == .socket))
    }

    /// Nothing is pushed then.
    @Test(arguments: ["/v1/push?dryRun=1", "/v1/broadcast?durable=true&dryRun=1", "/v1/clients/a/push?dryRun"])
    func dryRunsAreLeftToTheRouter(target: String) {
        #expect(PushRequestSamples.request(PushRequestSamples.bytes(line: "POST \(target) HTTP/1.1")) == nil)
    }

    @Test func theBodyLimit() {
        let bytes = PushRequestSamples.bytes(body: "12345")
        #expect(PushRequestSamples.request(bytes, bodyLimit: 5) != nil)
        #expect(PushRequestSamples.request(bytes, bodyLimit: 4) == nil)
        #expect(PushRequestSamples.request(bytes, bodyLimit: 0) != nil)
        // It is refused before the body has come.
        let head = PushRequestSamples.bytes(body: "", length: "Content-Length: 999999999999\r\n")
        guard case .other = PushRequestSamples.parse(head) else {
            Issue.record("it waits for a body that is too long")
            return
        }
    }

    @Test func aHeadMayHaveEightKilobytes() {
        let empty = PushRequestSamples.bytes("X: \r\n", body: "").readableBytes
        func head(_ size: Int) -> ByteBuffer {
            PushRequestSamples.bytes("X: \(String(repeating: "x", count: size - empty))\r\n", body: "")
        }
        #expect(PushRequestSamples.request(head(PushRequestParser.maximumHeadBytes)) != nil)
        guard case .other = PushRequestSamples.parse(head(PushRequestParser.maximumHeadBytes + 1)) else {
            Issue.record("a longer head is taken")
            return
        }
    }

    @Test func anEndlessHeadIsNotWaitedFor() {
        let endless = ByteBuffer(
            string: "POST /v1/" + String(repeating: "x", count: PushRequestParser.maximumHeadBytes))
        guard case .other = PushRequestSamples.parse(endless) else {
            Issue.record("it goes on waiting")
            return
        }
    }
}

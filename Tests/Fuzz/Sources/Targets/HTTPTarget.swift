import NIOCore
import NIOHTTP1
import SwitchboardProtocol

@testable import SwitchboardServer

/// The shortcut for pushes beside NIO's parser: every request that it takes, NIO finds at the same place with the same
/// content; and it waits for no byte that the request does not have. What may become a WebSocket asks NIO for it as well.
enum HTTPTarget {
    private static let parser = PushRequestParser(bodyLimit: 1 << 20)

    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        if parser.isSocketRequest(bytes) { asksForWebSocket(NIORequests(bytes).requests.first?.head) }
        var rest = bytes
        var taken: [PushRequestParser.Request] = []
        reading: while rest.readableBytes > 0 {
            switch parser.parse(rest) {
            case .request(let request):
                expect((1...rest.readableBytes).contains(request.length), "a request is no longer than what is there")
                waitsRightly(rest, for: request)
                taken.append(request)
                rest.moveReaderIndex(forwardBy: request.length)
                if request.isLast { break reading }
            case .incomplete(let needed), .head(_, let needed):
                expect(needed > rest.readableBytes, "more bytes are needed than are there")
                expect(NIORequests(rest).requests.isEmpty, "no request that is whole is waited for")
                break reading
            case .undecided:
                expect(NIORequests(rest).requests.isEmpty, "no request that is whole is waited for")
                break reading
            case .other:
                isNeverTaken(rest)
                break reading
            }
        }
        guard !taken.isEmpty else { return }
        let reference = NIORequests(bytes).requests
        expect(reference.count >= taken.count, "what is taken for a request is one to NIO")
        var start = bytes.readerIndex
        for (request, reference) in zip(taken, reference) {
            agree(request, reference, expected(bytes.getSlice(at: start, length: request.length), "it is there"))
            start += request.length
        }
    }

    /// As long as a request is not whole, it is waited for, and not beyond its end.
    private static func waitsRightly(_ bytes: ByteBuffer, for request: PushRequestParser.Request) {
        var chance = Chance(of: bytes)
        let lengths = [request.length - 1, chance.below(request.length), chance.below(request.length)]
        for length in lengths where length > 0 {
            let prefix = expected(bytes.getSlice(at: bytes.readerIndex, length: length), "it is there")
            switch parser.parse(prefix) {
            case .incomplete(let needed):
                expect(length < needed && needed <= request.length, "no more is waited for than there is")
            case .head(let head, let needed):
                expect(needed == request.length, "a head says how long its request is")
                expect(
                    head.route == request.head.route && head.authorization == request.head.authorization,
                    "a head says the same before its body is there")
            case .request, .other, .undecided: violated("a part of a request is waited for")
            }
        }
    }

    /// What goes to the other parser goes there however it arrives.
    private static func isNeverTaken(_ bytes: ByteBuffer) {
        var chance = Chance(of: bytes)
        for length in [bytes.readableBytes - 1, chance.below(bytes.readableBytes), chance.below(bytes.readableBytes)]
        where length > 0 {
            let prefix = expected(bytes.getSlice(at: bytes.readerIndex, length: length), "it is there")
            if case .request = parser.parse(prefix) { violated("the same bytes are not framed in two ways") }
        }
    }

    private static func asksForWebSocket(_ head: HTTPRequestHead?) {
        guard let head else { return }
        expect(head.method == .GET && head.uri.hasPrefix("/ws"), "a WebSocket is asked for at its place")
        expect(
            head.headers["upgrade"].contains { $0.lowercased().contains("websocket") },
            "a WebSocket is asked for by an upgrade")
    }

    private static func agree(
        _ request: PushRequestParser.Request, _ reference: NIORequests.Request, _ bytes: ByteBuffer
    ) {
        let (push, head) = (request.push, reference.head)
        expect(head.method == .POST && head.version == .http1_1, "a push is a POST of HTTP/1.1")
        expect(head.uri == uri(of: push, bytes), "the target is NIO's")
        expect(reference.body == push.body, "the body is NIO's")
        func values(_ name: String) -> [String] { head.headers[name].map(trimmed) }
        expect(
            values("connection").contains { $0.lowercased() == "close" } == request.isLast,
            "the connection ends where NIO says")
        expect(values("content-type") == (push.contentType.map { [$0] } ?? []), "the content type is NIO's")
        expect(values("prefer") == (push.prefer.map { [$0] } ?? []), "the preference is NIO's")
        expect(values("idempotency-key") == (push.idempotencyKey.map { [$0] } ?? []), "the key is NIO's")
        expect(push.route == request.head.route, "a request goes where its head says")
        let authorization = request.head.authorization.map { place in
            [expected(bytes.getString(at: bytes.readerIndex + place.lowerBound, length: place.count), "it is there")]
        }
        expect(values("authorization") == authorization ?? [], "authorization is NIO's")
        if let trace = push.trace {
            expect(values("traceparent").count == 1, "a trace has one parent")
            expect(values("tracestate").joined(separator: ",").contains(trace.tracestate ?? ""), "the state is NIO's")
        }
        let ids = values("x-request-id")
        expect(ids.last.flatMap { RequestID.accepted($0) } == request.requestID, "the request's id is NIO's")
        expect(values("host").count == 1, "a request has one host")
        for name in ["transfer-encoding", "expect", "upgrade", "content-encoding"] {
            expect(!head.headers.contains(name: name), "what changes the framing is left to the real parser")
        }
    }

    /// White space around a value is no part of it (RFC 9110 section 5.5).
    private static func trimmed(_ value: String) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let bytes = value.utf8.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        return String(decoding: Array(bytes), as: UTF8.self)
    }

    /// The target that the route and the query were read from.
    private static func uri(of push: PushRequest, _ bytes: ByteBuffer) -> String {
        let path =
            switch push.route {
            case .push: "/v1/push"
            case .broadcast: "/v1/broadcast"
            case .client(let id): "/v1/clients/\(id)/push"
            case .group(let name): "/v1/groups/\(name)/push"
            }
        let line = bytes.readableBytesView.prefix { $0 != 0x0D }
        return line.contains(UInt8(ascii: "?")) ? "\(path)?\(push.query)" : path
    }
}

import NIOCore
import NIOHTTP1
import Testing

@testable import SwitchboardServer

/// Our parser beside NIO's: whenever ours says that it is a request, NIO must find the very same one.
@Suite struct PushRequestParserFuzzTests {
    private static let targets = [
        "/v1/push", "/v1/broadcast", "/v1/clients/kiosk-7/push", "/v1/groups/a:b/push", "/v1/push?a=b",
        "/v1/clients/a/push?",
        "/v1/broadcast?offline=drop&x=[1]|{}\"<>^`\\'!$()*,;=@~",
    ]
    private static let headers = [
        "Connection: close", "Connection: keep-alive", "Content-Type: application/json", "content-type:text/plain",
        "User-Agent: x (y; z)", "X-Request-Id: r-1", "Accept: */*", "X-Forwarded-For: 192.0.2.1, 10.0.0.1", "X-Empty:",
        "Prefer: respond-async", "Cookie: a=b; c=\"d\"", "X-Text: \u{E9}\u{20AC}", "Authorization: Basic eDp5",
    ]
    private static let words = [
        "\r\n", "\r", "\n", "\r\n\r\n", " ", "\t", ":", "Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n",
        "Content-Length: 0", "chunked", "Host: b\r\n", "HTTP/1.1", "POST /v1/push HTTP/1.1\r\n", "\u{0}", "%",
        "Upgrade: a\r\n",
        "Expect: 100-continue\r\n", "Connection: upgrade\r\n", "0\r\n\r\n", ",", "\u{E9}", "\u{7F}",
        "Transfer-Encoding:",
    ]

    private func request(_ random: inout Seeded) -> [UInt8] {
        let body = (0..<random.below(40)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var lines = ["Host: localhost:8080", "Content-Length: \(body.count)"]
        for _ in 0..<random.below(4) { lines.append(Self.headers[random.below(Self.headers.count)]) }
        lines.shuffle(using: &random)
        lines = lines.map { line in
            guard random.chance(20) else { return line }
            let name = line.prefix { $0 != ":" }
            return (random.chance(50) ? name.uppercased() : name.lowercased()) + line.dropFirst(name.count)
        }
        let target = Self.targets[random.below(Self.targets.count)]
        return Array("POST \(target) HTTP/1.1\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n".utf8) + body
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout Seeded) {
        let place = random.below(bytes.count + 1)
        switch random.below(5) {
        case 0: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(6)))
        case 3: bytes.insert(contentsOf: Self.words[random.below(Self.words.count)].utf8, at: place)
        default: if place < bytes.count { bytes[place] ^= 0x20 }
        }
    }

    /// - Returns: true when ours says that it is a request.
    private func compare(_ bytes: [UInt8]) -> Bool {
        let buffer = ByteBuffer(bytes: bytes)
        guard let request = PushRequestSamples.request(buffer) else { return false }
        let push = request.push
        func differs(_ what: String) {
            Issue.record("\(what): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        guard let whole = buffer.getSlice(at: 0, length: request.length),
            let short = buffer.getSlice(at: 0, length: request.length - 1)
        else {
            differs("longer than what is there")
            return true
        }
        guard let reference = try? ReferenceRequest.first(in: whole) else {
            differs("NIO does not see a whole request")
            return true
        }
        if (try? ReferenceRequest.first(in: short)) != nil { differs("NIO sees a shorter request") }
        if reference.head.method != .POST || reference.head.version != .http1_1 { differs("another method or version") }
        if reference.body != push.body { differs("another body") }
        if reference.head.uri != uri(of: push, whole) { differs("another target") }
        let closes = values("connection", reference).contains { $0.lowercased() == "close" }
        if closes != request.isLast { differs("another end of the connection") }
        if values("content-type", reference) != (push.contentType.map { [$0] } ?? []) {
            differs("another content type")
        }
        if values("prefer", reference) != (push.prefer.map { [$0] } ?? []) { differs("another preference") }
        let authorization = request.head.authorization.map { range in
            [whole.getString(at: range.lowerBound, length: range.count) ?? ""]
        }
        if values("authorization", reference) != (authorization ?? []) { differs("other authorization") }
        for name in ["transfer-encoding", "expect", "upgrade", "content-encoding"]
        where reference.head.headers.contains(name: name) { differs(name) }
        return true
    }

    /// Without the white space around them, which is not part of a value (RFC 9110 section 5.5).
    private func values(_ name: String, _ reference: ReferenceRequest) -> [String] {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return reference.head.headers[name].map { value in
            String(value.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        }
    }

    /// The target that the route and the query were read from.
    private func uri(of push: PushRequest, _ bytes: ByteBuffer) -> String {
        let path =
            switch push.route {
            case .push: "/v1/push"
            case .broadcast: "/v1/broadcast"
            case .client(let id): "/v1/clients/\(id)/push"
            case .group(let name): "/v1/groups/\(name)/push"
            }
        let hasQuery = String(buffer: bytes).prefix { $0 != "\r\n" }.contains("?")
        return hasQuery ? "\(path)?\(push.query)" : path
    }

    @Test(arguments: Seeded.seeds)
    func validRequestsAreTaken(seed: UInt64) {
        var random = Seeded(seed)
        var taken = 0
        for _ in 0..<500 where compare(request(&random)) { taken += 1 }
        // Not all: two headers of one kind may meet.
        #expect(taken > 300)
    }

    @Test(arguments: Seeded.seeds)
    func mutatedRequestsAreTakenAsNIOTakesThem(seed: UInt64) {
        var random = Seeded(seed)
        var taken = 0
        for _ in 0..<6000 {
            var bytes = request(&random)
            for _ in 0..<(1 + random.below(3)) { mutate(&bytes, &random) }
            if compare(bytes) { taken += 1 }
        }
        #expect((500...5500).contains(taken), "\(taken)")
    }

    /// Every byte at every place of a head: the classes of characters are where parsers differ.
    @Test func everyByteAtEveryPlace() {
        let original = Array(
            "POST /v1/clients/a/push?b HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 2\r\n\r\n{}".utf8)
        var taken = 0
        for place in 0...original.count {
            for byte in UInt8.min...UInt8.max {
                var inserted = original
                inserted.insert(byte, at: place)
                if compare(inserted) { taken += 1 }
                guard place < original.count else { continue }
                var replaced = original
                replaced[place] = byte
                if compare(replaced) { taken += 1 }
            }
        }
        #expect(taken > 1000)
    }
}

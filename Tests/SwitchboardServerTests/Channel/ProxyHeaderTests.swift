import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct ProxyHeaderTests {
    private struct Sample: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let source: ProxyHeader.Source
        let testDescription: String

        init(_ name: String, _ bytes: [UInt8], _ source: ProxyHeader.Source) {
            (testDescription, self.bytes, self.source) = (name, bytes, source)
        }

        init(_ line: String, _ source: ProxyHeader.Source) {
            self.init(line, Array((line + "\r\n").utf8), source)
        }
    }

    private static let signature: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8)

    private static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
        signature + [0x20 | command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    private static func client(_ ip: String, _ port: Int) -> ProxyHeader.Source {
        .client(try? SocketAddress(ipAddress: ip, port: port))
    }

    private static let addresses: [UInt8] = [203, 0, 113, 9, 192, 0, 2, 1, 0x13, 0x88, 0x01, 0xBB]
    private static let six: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9] + [UInt8](repeating: 1, count: 16)
        + [0x13, 0x88, 0x01, 0xBB]

    private static let samples = [
        Sample("PROXY TCP4 203.0.113.9 192.0.2.1 5000 443", client("203.0.113.9", 5000)),
        Sample("PROXY TCP6 2001:db8::9 2001:db8::1 5000 443", client("2001:db8::9", 5000)),
        Sample("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", client("255.255.255.255", 65535)),
        Sample("PROXY UNKNOWN", .connection),
        Sample("PROXY UNKNOWN " + String(repeating: "x", count: ProxyHeader.longestLine - 16), .connection),
        Sample("IPv4", binary(1, 0x11, addresses), client("203.0.113.9", 5000)),
        Sample("IPv4, datagrams", binary(1, 0x12, addresses), client("203.0.113.9", 5000)),
        Sample("IPv6", binary(1, 0x21, six), client("2001:db8::9", 5000)),
        Sample("with more", binary(1, 0x11, addresses + [4, 0, 1, 0]), client("203.0.113.9", 5000)),
        Sample("UNIX", binary(1, 0x31, [UInt8](repeating: 7, count: 216)), .client(nil)),
        Sample("local", binary(0, 0x00, []), .connection),
        Sample("local with addresses", binary(0, 0x11, addresses), .connection),
        Sample("unspecified", binary(1, 0x00, [1, 2, 3]), .connection),
        Sample(
            "the longest", binary(1, 0x11, addresses + [UInt8](repeating: 0, count: ProxyHeader.longestBinary - 28)),
            client("203.0.113.9", 5000)),
    ]

    private func parse(_ bytes: some Collection<UInt8>) -> ProxyHeader.Outcome {
        ProxyHeader.parse(ByteBuffer(bytes: bytes).readableBytesView)
    }

    @Test(arguments: samples)
    private func everyPieceIsIncompleteUntilTheLast(sample: Sample) {
        for length in sample.bytes.indices { #expect(parse(sample.bytes[..<length]) == .incomplete, "\(length)") }
        let header = ProxyHeader(source: sample.source, length: sample.bytes.count)
        #expect(parse(sample.bytes) == .header(header))
        // What follows belongs to somebody else, whatever it looks like.
        #expect(parse(sample.bytes + sample.bytes) == .header(header))
        #expect(parse(sample.bytes + Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .header(header))
    }

    /// A view that does not begin at 0.
    @Test(arguments: samples)
    private func theBytesMayBeginAnywhere(sample: Sample) {
        var buffer = ByteBuffer(bytes: [1, 2, 3] + sample.bytes)
        buffer.moveReaderIndex(forwardBy: 3)
        let header = ProxyHeader(source: sample.source, length: sample.bytes.count)
        #expect(ProxyHeader.parse(buffer.readableBytesView) == .header(header))
    }

    @Test(arguments: samples)
    private func noChangeOfAByteCrashes(sample: Sample) {
        for index in sample.bytes.indices.prefix(300) {
            for bit in 0..<8 {
                var bytes = sample.bytes
                bytes[index] ^= 1 << bit
                if case .header(let header) = parse(bytes) { #expect(header.length <= bytes.count) }
            }
        }
    }

    @Test func itIsRefusedAsSoonAsItCannotBecomeOne() {
        for text in ["G", "PROX-", "PROXY\r", "proxy "] {
            guard case .malformed = parse(Array(text.utf8)) else {
                Issue.record("\(text) is taken")
                continue
            }
        }
        let endless = Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x20, count: ProxyHeader.longestLine)
        guard case .malformed = parse(endless[..<ProxyHeader.longestLine]) else {
            Issue.record("an endless line is awaited")
            return
        }
        // Its length is enough: it is not awaited.
        let tooLong = Self.signature + [0x21, 0x11, 0xFF, 0xFF]
        guard case .malformed = parse(tooLong) else {
            Issue.record("a long header is awaited")
            return
        }
    }
}

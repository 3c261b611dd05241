import NIOCore
import NIOWebSocket
import SwitchboardWebSocket
import Testing

/// Negotiation and messages with another implementation of RFC 7692.
@Suite(.enabled(if: PythonPeer.isThere, "deploy/setup --test installs the library websockets"))
struct PythonPeerTests {
    private static let settings = [
        "{}", #"{"server_max_window_bits": 12, "client_max_window_bits": 12}"#,
        #"{"client_no_context_takeover": true}"#,
        #"{"server_no_context_takeover": true, "client_max_window_bits": 9}"#,
        #"{"server_max_window_bits": 9, "client_max_window_bits": 10}"#,
        #"{"server_no_context_takeover": true, "client_no_context_takeover": true}"#,
    ]

    private func next(_ reader: inout MessageReader, from peer: PythonPeer) throws -> MessageEvent {
        while true {
            while let event = reader.next() { if event != .incomplete { return event } }
            reader.feed(try peer.read())
        }
    }

    private func messages(_ random: inout Seeded) -> [(isText: Bool, bytes: ByteBuffer)] {
        (0..<60).map { index in
            index % 2 == 0
                ? (true, ByteBuffer(string: Payloads.text(random.below(index % 5 == 0 ? 20_000 : 400), &random)))
                : (false, ByteBuffer(bytes: Payloads.random(index % 5 == 0 ? 20_000 : 400, &random)))
        } + [(true, ByteBuffer()), (false, ByteBuffer()), (true, ByteBuffer())]
    }

    @Test(arguments: settings, [true, false])
    func ourServerAndItsClient(settings: String, keepsContext: Bool) throws {
        var random = Seeded(11)
        let peer = try PythonPeer(role: "client", settings: settings)
        defer { peer.end() }
        let policy = DeflatePolicy(clientsKeepContext: keepsContext)
        let answer = try #require(try policy.answer(to: [try peer.line()]))
        try peer.write(line: answer.header)
        var reader = MessageReader(side: .server, maximumMessageBytes: 1 << 20, agreement: answer.agreement)
        let compressor = MessageCompressor(minimumBytes: 0)
        for message in messages(&random) {
            try peer.write(compressor.frame(message.isText ? .text : .binary, message.bytes, for: answer.window))
            let isSame =
                try next(&reader, from: peer) == (message.isText ? .text(message.bytes) : .binary(message.bytes))
            #expect(isSame)
        }
    }

    @Test(arguments: settings, [true, false])
    func ourClientAndItsServer(settings: String, keepsContext: Bool) throws {
        var random = Seeded(12)
        let peer = try PythonPeer(role: "server", settings: settings)
        defer { peer.end() }
        let proposal = DeflateProposal(serverKeepsContext: keepsContext, clientKeepsContext: keepsContext)
        try peer.write(line: proposal.header)
        let agreement = try #require(try proposal.agreement(from: [try peer.line()]))
        var reader = MessageReader(side: .client, maximumMessageBytes: 1 << 20, agreement: agreement)
        let deflater = try #require(agreement.clientDeflater())
        for message in messages(&random) {
            let compressed = try deflater.compressed(message.bytes, minimumBytes: 0)
            let payload = Array(buffer: compressed ?? message.bytes)
            let mask = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
            try peer.write(
                ByteBuffer(
                    bytes: Wire.frame(message.isText ? 1 : 2, payload, rsv: compressed == nil ? 0 : 4, mask: mask)))
            let isSame =
                try next(&reader, from: peer) == (message.isText ? .text(message.bytes) : .binary(message.bytes))
            #expect(isSame)
        }
    }
}

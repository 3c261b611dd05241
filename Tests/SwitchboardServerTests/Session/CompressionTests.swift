import NIOCore
import NIOEmbedded
import NIOWebSocket
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

/// Sessions that have agreed on `permessage-deflate` (RFC 7692) beside such that have not.
@Suite struct CompressionTests {
    private let test = TestNode { $0.compression = true }
    private let document = String(repeating: #"{"price": 3.25, "currency": "EUR", "shop": "north"}"#, count: 20)

    private func connect(_ name: String, isFramed: Bool = false, _ offer: String?) throws -> TestConnection {
        let connection = try TestConnection(test, "/ws?clientId=\(name)", isFramed: isFramed, extensions: offer)
        if isFramed { try connection.receive(#"{"type":"hello"}"#) }
        try #require(connection.session.phase == .open)
        _ = try connection.wire.frames()
        return connection
    }

    private func push(_ target: Target, _ text: String) {
        let payload = Payload(format: .text, bytes: ByteBuffer(string: text))
        test.node.deliver(BusPush(id: PushID(unchecked: "p"), target: target, payload: payload))
        test.loop.run()
    }

    /// What the client of `connection` reads.
    private func events(_ connection: TestConnection, windowBits: Int) throws -> [MessageEvent] {
        var reader = MessageReader(
            side: .client, maximumMessageBytes: 0,
            agreement: DeflateAgreement(server: .init(keepsContext: false, windowBits: windowBits)))
        reader.feed(connection.wire.take())
        var events: [MessageEvent] = []
        while let event = reader.next() { events.append(event) }
        return events
    }

    private static let offers: [(String?, bits: Int)] = [
        (nil, 15), ("permessage-deflate", 15), ("permessage-deflate; server_max_window_bits=9", 9),
    ]

    @Test(arguments: [Target.all, .group(group("g")), .client(client("a")), .clients([client("a")])])
    func aPushComesInTheFormThatWasAgreedOn(target: Target) throws {
        for isFramed in [false, true] {
            for (offer, bits) in Self.offers {
                let connection = try connect("a", isFramed: isFramed, offer)
                connection.session.join(group("g"))
                push(target, document)
                let frame = try #require(connection.wire.peek().first)
                #expect(frame.isCompressed == (offer != nil))
                #expect((frame.payload.readableBytes < document.utf8.count / 4) == (offer != nil))
                guard case .text(let text) = try #require(try events(connection, windowBits: bits).first) else {
                    Issue.record("no text")
                    return
                }
                let string = String(buffer: text)
                #expect(isFramed ? string.contains(#"\"price\": 3.25"#) : string == document)
                try connection.drop()
            }
        }
    }

    @Test func aBroadcastReachesEveryForm() throws {
        let connections = try Self.offers.enumerated().flatMap { index, offer in
            try [false, true].map { try (connect("c\(index)\($0)", isFramed: $0, offer.0), offer.bits) }
        }
        #expect(test.shard.counters.forms.compressed == 4)
        for count in [1, 3] {
            for _ in 0..<count {
                test.node.deliver(BusPush(id: PushID(unchecked: "p"), target: .all, payload: text(document)))
            }
            test.loop.run()
            for (connection, bits) in connections {
                let events = try events(connection, windowBits: bits)
                let texts = events.filter { if case .text = $0 { true } else { false } }
                #expect(texts.count == count && events.count == count)
                if connection.session.mode == .raw {
                    #expect(texts.allSatisfy { $0 == .text(ByteBuffer(string: document)) })
                }
            }
        }
        for (connection, _) in connections { try connection.drop() }
        #expect(test.shard.counters.forms.compressed == 0)
        #expect(test.shard.counters.deliveries == 4 * connections.count)
    }

    @Test func whatIsShortIsNotCompressed() throws {
        let connection = try connect("a", "permessage-deflate")
        push(.all, "short")
        #expect(try connection.wire.frames().map(\.isCompressed) == [false])
        try connection.drop()
    }

    @Test func aClientMayCompressWhatItSends() throws {
        let connection = try connect("a", "permessage-deflate")
        var compressed = ByteBuffer()
        try Deflater(windowBits: 15, keepsContext: false).compress(ByteBuffer(string: document), into: &compressed)
        let frame = ClientBytes.frame(.text, compressed.readableBytesView, first: 0xC0)
        try connection.receive(frame)
        #expect(connection.session.phase == .open)
        #expect(test.shard.counters.messagesUp == 1)
        try connection.drop()
    }

    /// 4 MB of zeros in 4 KB.
    @Test func aMessageThatInflatesBeyondTheLimitCloses1009() throws {
        let connection = try connect("a", "permessage-deflate")
        var compressed = ByteBuffer()
        let zeros = ByteBuffer(repeating: 0, count: 4 << 20)
        try Deflater(windowBits: 15, keepsContext: false).compress(zeros, into: &compressed)
        #expect(compressed.readableBytes < 8192)
        try connection.receive(ClientBytes.frame(.binary, compressed.readableBytesView, first: 0xC0))
        #expect(test.presence(of: "a")?.closeCode == 1009)
        #expect(test.shard.counters.messagesUp == 0)
        try connection.drop()
    }

    @Test func whoHasNotAgreedMaySetNoReservedBit() throws {
        let connection = try connect("a", nil)
        try connection.receive(ClientBytes.frame(.text, [0], first: 0xC0))
        #expect(test.presence(of: "a")?.closeCode == 1002)
        try connection.drop()
    }
}

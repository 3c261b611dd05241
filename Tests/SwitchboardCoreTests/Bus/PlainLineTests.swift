import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

/// The short way must never say anything else than the general one.
@Suite struct PlainLineTests {
    private static let plain: [BusMessage] = {
        let targets: [Target] = [
            .client(client("k")), .client(client(BusSamples.longest)), .group(group("shop:1.a_b@c-d")), .all,
        ]
        var messages: [BusMessage] = []
        for target in targets {
            for payload in BusSamples.payloads where payload.bytes.readableBytes > 0 {
                for waits in [false, true] {
                    var push = BusSamples.push(payload, to: target)
                    push.waits = waits
                    push.ticket = 999_999_999_999_999_999
                    push.microseconds = waits ? 999 : 0
                    messages.append(.push(push))
                }
            }
        }
        for number in [0, 1, 9, 10, 99, 100, 12_345, 99_999_999, 100_000_000_000_000_000] {
            messages.append(
                .receipt(
                    Receipt(
                        ticket: UInt64(number), node: node("n1"), matched: min(number, Receipt.maximumCount),
                        delivered: 0, dropped: min(number, Receipt.maximumCount))))
        }
        return messages
    }()

    @Test func whatIsPlainTakesTheShortWay() {
        for message in Self.plain {
            let wire = BusCodec.encodeAny(message)
            switch message {
            case .push(let push): #expect((PlainLine.write(push) == wire) == true, "\(push.target)")
            case .receipt(let receipt): #expect(PlainLine.write(receipt) == wire)
            default: Issue.record("neither")
            }
            #expect((PlainLine.read(wire) == message) == true, "\(String(buffer: wire).prefix(200))")
        }
    }

    @Test func everyMessageIsWrittenTheSameEitherWay() {
        for message in BusSamples.all {
            #expect((BusCodec.encode(message) == BusCodec.encodeAny(message)) == true)
        }
    }

    /// Names that nobody checked, and numbers that no peer would read.
    @Test func whatIsNotPlainIsLeftToTheGeneralWay() {
        for name in ["a\"b", "a\\b", "a\nb", "\u{0}"] {
            var push = BusSamples.push(text("x"), to: .client(ClientID(unchecked: name)))
            #expect(PlainLine.write(push) == nil)
            push = BusSamples.push(text("x"), to: .group(GroupName(unchecked: name)))
            #expect(PlainLine.write(push) == nil)
            push = BusSamples.push(text("x"))
            push.id = PushID(unchecked: name)
            #expect(PlainLine.write(push) == nil)
            push = BusSamples.push(text("x"))
            push.origin = NodeID(unchecked: name)
            #expect(PlainLine.write(push) == nil)
            #expect(BusCodec.encode(.push(push)) == BusCodec.encodeAny(.push(push)))
        }
        let negative = Receipt(ticket: 1, node: node("n"), matched: -1, delivered: 0, dropped: 0)
        #expect(PlainLine.write(negative) == nil)
        var push = BusSamples.push(text("x"))
        push.ticket = .max
        #expect(PlainLine.write(push) == nil)
        push.acceptedAt = .max
        #expect(!String(buffer: BusCodec.encode(.push(push))).isEmpty)
    }

    private static let other = [
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":01,"at":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1.0,"at":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1e3,"at":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1000000000000000000,"at":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":,"at":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1,"at":1,"wait":false}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1,"at":1,"x":1}"# + "\nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + " \nx",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + "\n",
        #"{"to":{"client":"c"},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"#,
        #"{"to":{"client":"\u0063"},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + "\nx",
        #"{"to":{"client":"c","all":true},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + "\nx",
        #"{"to":{"client":"c d"},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + "\nx",
        #"{"to":{"client":""},"id":"p","format":"text","origin":"n","ticket":1,"at":1}"# + "\nx",
        #"{"type":"receipt","ticket":1,"node":"n","matched":1,"delivered":1,"dropped":0}"# + "\n",
        #"{"type":"receipt","ticket":1,"node":"n","matched":-1,"delivered":1,"dropped":0}"#,
        #"{"type":"receipt","ticket":1,"node":"n","matched":4294967297,"delivered":1,"dropped":0}"#,
        #"{"type":"receipt","ticket":1,"node":"n","matched":1,"delivered":900000000000000000,"dropped":0}"#,
        #"{"type":"receipt","ticket":1,"node":"n","matched":1,"delivered":1,"dropped":4294967297}"#,
        "", "{", #"{"to":{""#,
    ]

    @Test(arguments: other)
    func anyOtherFormIsLeftToTheGeneralWay(wire: String) {
        let wire = ByteBuffer(string: wire)
        #expect(PlainLine.read(wire) == nil)
        #expect(throws: Never.self) { try same(wire) }
    }

    /// What both ways read, they read alike; and the general way reads whatever the short one does.
    private func same(_ wire: ByteBuffer) throws -> Bool {
        guard let short = PlainLine.read(wire) else { return false }
        let general = try BusCodec.decodeAny(wire, newID: { BusSamples.newID })
        #expect((short == general) == true, "\(String(buffer: wire).prefix(300))")
        return true
    }

    @Test(arguments: Seeded.seeds)
    func mutationsAreReadAlike(seed: UInt64) throws {
        var random = Seeded(seed)
        let originals = Self.plain.map { Array(BusCodec.encode($0).readableBytesView) }.filter { $0.count < 4096 }
        let pieces = ["\"", ",", "}", "0", "00", "-", "\\", "\n", " ", "true", "é", ",\"wait\":true", "\"all\""].map {
            Array($0.utf8)
        }
        var short = 0
        for _ in 0..<20_000 {
            var bytes = originals[random.below(originals.count)]
            let place = random.below(bytes.count)
            switch random.below(4) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: place)
            case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(6)))
            default:
                let other = originals[random.below(originals.count)]
                bytes.replaceSubrange(place..., with: other[min(other.count, place)...])
            }
            if try same(ByteBuffer(bytes: bytes)) { short += 1 }
        }
        // Both outcomes must occur, or the mutations are too rough or too gentle to find anything.
        #expect((2000...18_000).contains(short), "\(short)")
    }

    @Test func thePayloadIsNotCopiedAndMayStandAnywhereInABuffer() throws {
        var wire = ByteBuffer(string: "garbage")
        wire.writeImmutableBuffer(BusCodec.encode(.push(BusSamples.push(text("shared")))))
        wire.moveReaderIndex(forwardBy: 7)
        guard case .push(let push) = PlainLine.read(wire) else {
            Issue.record("it is no plain push")
            return
        }
        #expect(push.payload == text("shared"))
        let end = wire.withUnsafeReadableBytes {
            $0.baseAddress.map { UInt(bitPattern: $0) + UInt(wire.readableBytes) }
        }
        let payloadEnd = push.payload.bytes.withUnsafeReadableBytes { bytes in
            bytes.baseAddress.map { UInt(bitPattern: $0) + UInt(bytes.count) }
        }
        #expect(payloadEnd == end)
    }
}

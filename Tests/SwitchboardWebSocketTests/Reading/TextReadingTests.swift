import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

/// RFC 6455 section 8.1: text that is not UTF-8 fails the connection, here with the first byte that shows it.
@Suite struct TextReadingTests {
    /// Whether some text begins with these bytes: found by trying how it could go on.
    private func canBegin(_ bytes: [UInt8]) -> Bool {
        var ends: [[UInt8]] = [[]]
        for _ in 0...3 {
            if ends.contains(where: { UTF8Text.isValid(ByteBuffer(bytes: bytes + $0)) }) { return true }
            ends = ends.flatMap { end in ([0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF] as [UInt8]).map { end + [$0] } }
        }
        return false
    }

    private static let edges: [UInt8] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
        0xF0, 0xF1,
        0xF3, 0xF4, 0xF5, 0xFF,
    ]

    private func check(_ bytes: [UInt8]) {
        let wrong = (1...bytes.count).first { !canBegin(Array(bytes.prefix($0))) }
        let frame = Wire.frame(1, bytes, fin: false)
        let end = ReaderRun().ending(of: frame)
        guard end?.after == wrong.map({ $0 + 6 }), end == nil || end?.code == .invalidPayload else {
            Issue.record("\(bytes): \(String(describing: end)), not after \(String(describing: wrong))")
            return
        }
        for cut in 0...bytes.count {
            // Pieces of several bytes, in one frame and in two.
            let isRefused =
                ReaderRun().events([Array(frame.prefix(6 + cut)), Array(frame.dropFirst(6 + cut))]).last
                .map { $0.violation == .invalidPayload } ?? false
            let parts = Wire.frame(1, Array(bytes[..<cut]), fin: false) + Wire.frame(0, Array(bytes[cut...]))
            let event = ReaderRun().events(parts).last
            guard isRefused == (wrong != nil), event?.violation == nil || event?.violation == .invalidPayload,
                (event?.violation == nil) == UTF8Text.isValid(ByteBuffer(bytes: bytes))
            else {
                Issue.record("\(bytes) cut at \(cut): \(String(describing: event))")
                return
            }
        }
    }

    @Test func everyPairOfEdges() {
        for one in Self.edges { for other in Self.edges { check([one, other]) } }
    }

    @Test(arguments: Seeded.seeds)
    func longerOnes(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<120 {
            let text = Array(Payloads.text(random.below(12), &random).utf8)
            let odd = (0..<(1 + random.below(4))).map { _ in Self.edges.randomElement(using: &random) ?? 0 }
            check(text + odd + (random.chance(30) ? text : []))
        }
    }

    @Test func aCharacterMustBeWholeAtTheEnd() {
        for character in ["é", "€", "\u{1F600}"] {
            let bytes = Array(character.utf8)
            for count in 1..<bytes.count {
                let events = ReaderRun().events(Wire.frame(1, Array(bytes.prefix(count))))
                #expect(events.first?.violation == .invalidPayload)
            }
        }
    }

    @Test func binaryMessagesMayHoldAnything() {
        #expect(ReaderRun().events(Wire.frame(2, [0xFF, 0xC0])) == [.binary(ByteBuffer(bytes: [0xFF, 0xC0]))])
    }
}

import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

/// Whatever comes over the bus is a message or a failure, never a crash; and what is read as a message can be sent on.
@Suite struct BusCodecFuzzTests {
    private static let words = [
        "{", "}", "[", "]", "\"", ":", ",", "\n", "\\", "\\u", "\\ud800", "\\n", "\"to\"", "\"type\"", "\"all\"",
        "true",
        "null", "-", "0", "1e999", "9223372036854775807", "9223372036854775808", "\"push\"", "\"receipt\"",
        "\"matched\"",
        "\"epoch\"", "\"clients\"", "\"labels\"", "\"base64\"", "\"format\"", "\"json\"", "\u{E9}",
        "\"command\"", "\"commandEvent\"", "\"event\"", "\"result\"", "\"expires\"", "\"offset\"", "\"1-0\"",
        "\"previous\"",
        "\"ticket\"", "\"timeout\"", "1e-5", "\"wait\"",
    ]

    /// - Returns: true when it was a message.
    private func check(_ bytes: ByteBuffer) -> Bool {
        guard let message = try? BusSamples.decode(bytes) else { return false }
        let again = try? BusSamples.decode(BusCodec.encode(message))
        if again != message { Issue.record("\(Array(bytes.readableBytesView)) was read, but not when it was sent on") }
        return true
    }

    @Test(arguments: Seeded.seeds)
    func randomBytes(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<5000 {
            _ = check(ByteBuffer(bytes: (0..<random.below(64)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
    }

    @Test(arguments: Seeded.seeds)
    func randomWords(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<5000 {
            let words = (0..<random.below(30)).map { _ in Self.words[random.below(Self.words.count)] }
            _ = check(ByteBuffer(string: words.joined()))
        }
    }

    @Test(arguments: Seeded.seeds)
    func mutationsOfValidMessages(seed: UInt64) {
        var random = Seeded(seed)
        let originals = BusSamples.all.map(BusCodec.encode).filter { $0.readableBytes < 4096 }.map {
            Array($0.readableBytesView)
        }
        var read = 0
        for _ in 0..<10_000 {
            var bytes = originals[random.below(originals.count)]
            for _ in 0..<(1 + random.below(4)) { mutate(&bytes, originals, &random) }
            if check(ByteBuffer(bytes: bytes)) { read += 1 }
        }
        // Both outcomes must occur, or the mutations are too rough or too gentle to find anything.
        #expect((400...9000).contains(read), "\(read)")
    }

    private func mutate(_ bytes: inout [UInt8], _ others: [[UInt8]], _ random: inout Seeded) {
        let place = random.below(bytes.count + 1)
        switch random.below(6) {
        case 0: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
        case 3: bytes.insert(contentsOf: Self.words[random.below(Self.words.count)].utf8, at: place)
        case 4: bytes.removeSubrange(place...)
        default:
            let other = others[random.below(others.count)]
            bytes.replaceSubrange(place..., with: other[min(other.count, place)...])
        }
    }
}

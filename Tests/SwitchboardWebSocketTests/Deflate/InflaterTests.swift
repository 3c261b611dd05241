import NIOCore
import SwitchboardWebSocket
import Testing

@Suite struct InflaterTests {
    private let hello = Array("Hello".utf8)

    /// RFC 7692 section 7.2.3, each also in two pieces.
    @Test(
        arguments: [
            [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
            // A final block with nothing behind it.
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        ] as [[UInt8]])
    func theExamplesOfTheRFC(bytes: [UInt8]) throws {
        let inflater = try Inflater()
        for cut in 0...bytes.count {
            #expect(try inflated([Array(bytes[..<cut]), Array(bytes[cut...])], by: inflater) == hello)
        }
    }

    @Test func theExampleOfContextTakeover() throws {
        let inflater = try Inflater(keepsContext: true)
        #expect(try inflated([[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]], by: inflater) == hello)
        #expect(try inflated([[0xF2, 0x00, 0x11, 0x00, 0x00]], by: inflater) == hello)
        let forgetful = try Inflater()
        #expect(try inflated([[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]], by: forgetful) == hello)
        #expect(throws: DeflateError.corrupt) { try inflated([[0xF2, 0x00, 0x11, 0x00, 0x00]], by: forgetful) }
    }

    @Test func theContextOutlivesAFinalBlock() throws {
        let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        for first in [final, final + [0]] {
            let inflater = try Inflater(keepsContext: true)
            #expect(try inflated([first], by: inflater) == hello)
            #expect(try inflated([[0xF2, 0x00, 0x11, 0x00, 0x00]], by: inflater) == hello)
        }
        let inflater = try Inflater()
        #expect(try inflated([final + final, final], by: inflater) == hello + hello + hello)
    }

    @Test(arguments: [true, false])
    func emptyMessages(keepsContext: Bool) throws {
        let inflater = try Inflater(keepsContext: keepsContext)
        for pieces in [[[0]], [], [[]], [[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]], [], [[0]]] as [[[UInt8]]] {
            #expect(try inflated(pieces, by: inflater) == (pieces.flatMap(\.self).count > 1 ? hello : []))
        }
    }

    @Test(arguments: Seeded.seeds)
    func everyMessageComesBack(seed: UInt64) throws {
        var random = Seeded(seed)
        for bits in 9...15 {
            for keepsContext in [true, false] {
                let deflater = try Deflater(windowBits: bits, keepsContext: keepsContext, level: 1 + random.below(9))
                let inflater = try Inflater(
                    windowBits: bits + (random.chance(50) ? 0 : random.below(16 - bits)), keepsContext: keepsContext)
                for _ in 0..<20 {
                    let payload = Payloads.random(20_000, &random)
                    let pieces = try deflated(payload, by: deflater).cut(&random)
                    let limit = payload.count + (random.chance(50) ? 0 : random.below(5000))
                    let back = try inflated(pieces, by: inflater, limit: limit)
                    // Not compared in the macro: it would print both.
                    let isSame = back == payload
                    #expect(isSame, "bits \(bits), context \(keepsContext), \(payload.count) bytes")
                }
            }
        }
    }

    @Test(arguments: Seeded.seeds)
    func oneByteOverTheLimitIsTooBig(seed: UInt64) throws {
        var random = Seeded(seed)
        let (deflater, inflater) = (try Deflater(windowBits: 12, keepsContext: false), try Inflater())
        for _ in 0..<200 {
            let payload = Payloads.random(3000, &random) + [1]
            let pieces = try deflated(payload, by: deflater).cut(&random)
            #expect(throws: DeflateError.tooBig) {
                try inflated(
                    pieces, by: inflater, limit: random.chance(50) ? payload.count - 1 : random.below(payload.count))
            }
            try inflater.reset()
            #expect(throws: Never.self) { try inflated(pieces, by: inflater, limit: payload.count) }
        }
    }

    /// "ab", and a distance that there is not: which fault comes first does not depend on how the bytes arrive.
    @Test(arguments: [(1, DeflateError.tooBig), (2, .corrupt)])
    func aFaultBeyondTheLimitIsNotSeen(limit: Int, fault: DeflateError) throws {
        let bytes: [UInt8] = [0x4A, 0x4C, 0x02, 0x3E, 0x00]
        for cut in 0...bytes.count {
            let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(throws: fault) { try inflated(pieces, by: try Inflater(), limit: limit) }
        }
    }

    /// 32 MB in 32 KB: no more memory is taken than the limit.
    @Test(arguments: [true, false])
    func aBombTakesNoMoreThanTheLimit(inPieces: Bool) throws {
        let bomb = try deflated(
            Array(repeating: 0x20, count: 32 << 20), by: try Deflater(windowBits: 15, keepsContext: false, level: 9))
        #expect(bomb.count < 40_000)
        let inflater = try Inflater()
        var output = ByteBuffer()
        var taken = 0
        #expect(throws: DeflateError.tooBig) {
            for piece in inPieces ? bomb.map({ [$0] }) : [bomb] {
                taken += 1
                try inflater.inflate(ByteBuffer(bytes: piece), into: &output, limit: 65_536)
            }
        }
        #expect(output.readableBytes == 65_536)
        #expect(output.storageCapacity == 65_536)
        #expect(taken < (inPieces ? 200 : 2))
    }

    @Test func everyCutMessageIsTruncated() throws {
        let (deflater, inflater) = (try Deflater(windowBits: 12, keepsContext: false), try Inflater())
        let whole = try deflated(Array("{\"price\": 12.90, \"name\": \"Käse\"}".utf8), by: deflater)
        for count in 1..<whole.count {
            #expect(throws: DeflateError.self) { try inflated([Array(whole.prefix(count))], by: inflater) }
            try inflater.reset()
        }
        // A sender that leaves the tail in place.
        #expect(throws: DeflateError.truncated) { try inflated([whole + [0, 0, 0xFF, 0xFF]], by: inflater) }
    }

    @Test(arguments: Seeded.seeds)
    func nonsenseIsReadOrRefused(seed: UInt64) throws {
        var random = Seeded(seed)
        let inflater = try Inflater(keepsContext: true)
        var refused = 0
        for _ in 0..<3000 {
            var output = ByteBuffer()
            do {
                for _ in 0...random.below(3) {
                    let bytes = (0..<random.below(60)).map { _ in UInt8.random(in: 0...255, using: &random) }
                    try inflater.inflate(ByteBuffer(bytes: bytes), into: &output, limit: 5000)
                }
                try inflater.finish(into: &output, limit: 5000)
            } catch {
                refused += 1
                try inflater.reset()
            }
            #expect(output.storageCapacity <= 8192)
        }
        #expect(refused > 1000)
        #expect(try inflated([[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]], by: inflater).suffix(5) == hello[...])
    }

    @Test func windowsThatZlibDoesNotKnow() {
        for bits in [0, 7, 16] { #expect(throws: DeflateError.unavailable) { try Inflater(windowBits: bits) } }
        for bits in [-9, 0, 8, 16, 31] {
            #expect(throws: DeflateError.unavailable) { try Deflater(windowBits: bits, keepsContext: false) }
        }
        #expect(throws: DeflateError.unavailable) { try Deflater(windowBits: 12, keepsContext: false, level: 10) }
    }
}

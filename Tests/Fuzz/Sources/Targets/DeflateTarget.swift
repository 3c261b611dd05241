import NIOCore

@testable import SwitchboardWebSocket

/// Compression: what is compressed inflates to the same, and whatever is inflated stays within its limit and gives the same
/// however it arrives.
///
/// The last byte of an input chooses limit, window and context.
enum DeflateTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        guard let last = input.last else { return }
        let bytes = ByteBuffer(bytes: input.dropLast())
        let direction = DeflateAgreement.Direction(
            keepsContext: last & 1 == 1, windowBits: 9 + Int(last >> 1) % 7)
        isBounded(bytes, direction, limit: last & 0x80 == 0 ? 300 : 40_000)
        roundTrip(bytes, direction)
    }

    private struct Outcome: Equatable {
        var output: ByteBuffer?
        var error: DeflateError?

        /// The message twice, so that with context the second may refer to the first.
        init(_ reads: [ByteBuffer], _ direction: DeflateAgreement.Direction, limit: Int) {
            do throws(DeflateError) {
                let inflater = try Inflater(windowBits: direction.windowBits, keepsContext: direction.keepsContext)
                for _ in 0..<2 {
                    var output = ByteBuffer()
                    for read in reads {
                        try inflater.inflate(read, into: &output, limit: limit)
                        Self.isBounded(output, limit)
                    }
                    try inflater.finish(into: &output, limit: limit)
                    Self.isBounded(output, limit)
                    self.output = output
                }
            } catch { self.error = error }
        }

        private static func isBounded(_ output: ByteBuffer, _ limit: Int) {
            expect(output.readableBytes <= limit, "nothing inflates beyond its limit")
            expect(output.capacity <= max(256, 2 * limit), "no more memory is taken than the limit needs")
        }
    }

    private static func isBounded(_ bytes: ByteBuffer, _ direction: DeflateAgreement.Direction, limit: Int) {
        let full = DeflateAgreement.Direction(keepsContext: direction.keepsContext)
        let whole = Outcome([bytes], full, limit: limit)
        let arrivals = Reads.cut(bytes)
        for reads in arrivals {
            expect(Outcome(reads, full, limit: limit) == whole, "what inflates does not depend on how it arrives")
        }
        guard direction != full else { return }
        // zlib notices a reference beyond a smaller window only when what it means is not at hand: then it is an error.
        for reads in arrivals + [[bytes]] {
            let outcome = Outcome(reads, direction, limit: limit)
            expect(outcome == whole || outcome.error == .corrupt, "a smaller window gives the same, or an error")
        }
    }

    private static func roundTrip(_ bytes: ByteBuffer, _ direction: DeflateAgreement.Direction) {
        do throws(DeflateError) {
            let deflater = try Deflater(
                windowBits: direction.windowBits, keepsContext: direction.keepsContext,
                level: 1 + bytes.readableBytes % 9)
            let inflater = try Inflater(windowBits: direction.windowBits, keepsContext: direction.keepsContext)
            for message in [bytes, ByteBuffer(), bytes] {
                var compressed = ByteBuffer(string: "before")
                try deflater.compress(message, into: &compressed)
                expect(compressed.readString(length: 6) == "before", "what was there stays")
                var output = ByteBuffer()
                try inflater.inflate(compressed, into: &output, limit: message.readableBytes)
                try inflater.finish(into: &output, limit: message.readableBytes)
                expect(output == message, "what was compressed inflates to the same")
            }
        } catch { violated("what was compressed inflates: \(error)") }
    }
}

import NIOCore

/// How the same bytes may arrive: what comes of them must not depend on it.
enum Reads {
    /// Longer inputs are not also given byte by byte: that would take the time of many shorter ones.
    private static let bytewiseLimit = 64

    /// - Returns: The bytes cut at places that depend on nothing but them, and one by one.
    static func cut(_ bytes: ByteBuffer) -> [[ByteBuffer]] {
        var reads = [pieces(bytes)]
        if bytes.readableBytes <= bytewiseLimit { reads.append(bytewise(bytes)) }
        return reads
    }

    static func bytewise(_ bytes: ByteBuffer) -> [ByteBuffer] {
        var rest = bytes
        var pieces: [ByteBuffer] = []
        pieces.reserveCapacity(bytes.readableBytes)
        while let piece = rest.readSlice(length: 1) { pieces.append(piece) }
        return pieces
    }

    private static func pieces(_ bytes: ByteBuffer) -> [ByteBuffer] {
        var chance = Chance(of: bytes)
        var rest = bytes
        var pieces: [ByteBuffer] = []
        // Up to eight or so: the more there are, the longer it takes, and where the cuts are matters more than how many.
        let longest = 1 + bytes.readableBytes / 4
        while rest.readableBytes > 0 {
            let length = min(1 + chance.below(longest), rest.readableBytes)
            pieces.append(expected(rest.readSlice(length: length), "it is there"))
        }
        return pieces
    }
}

/// Chance that is the same for the same bytes, so that an input fails again when it is tried again.
struct Chance: RandomNumberGenerator {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    /// FNV-1a, then SplitMix64.
    init(of bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }
}

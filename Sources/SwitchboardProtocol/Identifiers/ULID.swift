/// Crockford's base 32, lower ambiguity than base 64 and safe in URLs and file names.
enum Base32 {
    static let digits: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    @inline(__always)
    static func digit(_ value: UInt64) -> UInt8 { digits.utf8Start[Int(value & 31)] }

    static func random(characters: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        var bits: UInt64 = 0
        var left = 0
        return String(unsafeUninitializedCapacity: characters) { buffer in
            for index in 0..<characters {
                if left < 5 {
                    bits = generator.next()
                    left = 60
                }
                buffer[index] = digit(bits)
                bits >>= 5
                left -= 5
            }
            return characters
        }
    }
}

/// Makes ULIDs (https://github.com/ulid/spec): 48 bits of Unix milliseconds, 80 random bits, 26 characters.
///
/// Within one millisecond the random part counts up, so ids of one generator are strictly rising. One generator belongs to
/// one thread or event loop.
public struct ULIDGenerator: Sendable {
    private var lastMilliseconds: UInt64 = 0
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    /// Seeded by the system once: asking the kernel every millisecond costs more than the rest.
    private var seed = UInt64.random(in: .min ... .max)

    public init() {}

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    private mutating func random() -> UInt64 {
        seed &+= 0x9E37_79B9_7F4A_7C15
        var mixed = seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// - Parameter milliseconds: Unix time; when the clock has stepped back the previous value is kept.
    public mutating func next(milliseconds: UInt64) -> String {
        if milliseconds > lastMilliseconds {
            lastMilliseconds = milliseconds
            // The top bit of each half starts clear, so counting up within the millisecond cannot run over.
            high = random() & 0x7F_FFFF_FFFF
            low = random() & 0x7F_FFFF_FFFF
        } else {
            low += 1
            if low > 0xFF_FFFF_FFFF {
                low = 0
                high += 1
            }
        }
        let time = lastMilliseconds
        let (high, low) = (self.high, self.low)
        return String(unsafeUninitializedCapacity: 26) { buffer in
            for index in 0..<10 { buffer[index] = Base32.digit(time >> UInt64(45 - 5 * index)) }
            for index in 0..<8 { buffer[10 + index] = Base32.digit(high >> UInt64(35 - 5 * index)) }
            for index in 0..<8 { buffer[18 + index] = Base32.digit(low >> UInt64(35 - 5 * index)) }
            return 26
        }
    }
}

/// Makes ids of 13 characters, short enough to need no allocation: rising from a random beginning, so that those of several
/// generators hardly ever meet.
public struct SerialIDGenerator: Sendable {
    private var value = UInt64.random(in: .min ... .max)

    public init() {}

    public mutating func next() -> String {
        value &+= 1
        let value = value
        return String(unsafeUninitializedCapacity: 13) { buffer in
            for index in 0..<13 { buffer[index] = Base32.digit(value >> UInt64(60 - 5 * index)) }
            return 13
        }
    }
}

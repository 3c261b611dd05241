import SwitchboardProtocol

/// Checks a text for being UTF-8 (RFC 3629) piece by piece, and refuses it with the first byte that no text can have.
struct UTF8Progress: Hashable, Sendable {
    /// How many bytes the character that is under way still lacks.
    private var missing = 0
    /// What its next byte may be.
    private var next: ClosedRange<UInt8> = Self.anyTrailer

    private static let anyTrailer: ClosedRange<UInt8> = 0x80...0xBF

    /// No character is under way.
    var isComplete: Bool { missing == 0 }

    /// - Returns: false when the bytes up to here are the beginning of no text.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while missing > 0, position < bytes.count {
            guard step(bytes[position]) else { return false }
            position += 1
        }
        let end = bytes.count - Self.openBytes(atEndOf: bytes[position...])
        guard UTF8Text.isValid(UnsafeRawBufferPointer(rebasing: bytes[position..<end])) else { return false }
        for byte in bytes[end...] where !step(byte) { return false }
        return true
    }

    private mutating func step(_ byte: UInt8) -> Bool {
        guard missing == 0 else {
            guard next.contains(byte) else { return false }
            missing -= 1
            next = Self.anyTrailer
            return true
        }
        switch byte {
        case 0x00...0x7F: break
        case 0xC2...0xDF: missing = 1
        // Shorter forms, surrogates and what is beyond U+10FFFF show in the second byte.
        case 0xE0...0xEF:
            missing = 2
            next = byte == 0xE0 ? 0xA0...0xBF : byte == 0xED ? 0x80...0x9F : Self.anyTrailer
        case 0xF0...0xF4:
            missing = 3
            next = byte == 0xF0 ? 0x90...0xBF : byte == 0xF4 ? 0x80...0x8F : Self.anyTrailer
        default: return false
        }
        return true
    }

    /// How many bytes at the end belong to a character that goes on in the next piece.
    private static func openBytes(atEndOf bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        for (index, byte) in bytes.suffix(3).reversed().enumerated() {
            switch byte {
            case 0x80...0xBF: continue
            case 0xC0...0xDF: return index + 1 < 2 ? index + 1 : 0
            case 0xE0...0xEF: return index + 1 < 3 ? index + 1 : 0
            case 0xF0...0xFF: return index + 1
            default: return 0
            }
        }
        return 0
    }
}

import NIOCore
import SwitchboardProtocol

/// FNV-1a of 64 bits (draft-eastlake-fnv): the same on every node, unlike Swift's hashes.
struct Fingerprint {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
        add(0)
    }

    mutating func add(_ bytes: ByteBuffer) {
        for byte in bytes.readableBytesView { add(byte) }
    }

    /// The same push id for the same idempotency key, whatever characters that has: 128 bits of it.
    static func pushID(ofKey key: String) -> PushID {
        var (first, second) = (Fingerprint(), Fingerprint())
        first.add(key)
        second.add("other")
        second.add(key)
        return PushID(unchecked: "key-" + String(first.value, radix: 36) + "-" + String(second.value, radix: 36))
    }

    private mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
}

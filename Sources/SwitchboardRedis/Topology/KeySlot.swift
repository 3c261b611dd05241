/// On which of a Redis Cluster's slots a key or sharded channel is.
enum KeySlot {
    static let count = 16_384

    /// CRC16 of the key, or of its hash tag: what is between the first `{` and the next `}`, unless that is empty.
    static func of(_ key: some BidirectionalCollection<UInt8>) -> Int {
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let behind = key[key.index(after: open)...]
            if let close = behind.firstIndex(of: UInt8(ascii: "}")), close != behind.startIndex {
                return Int(checksum(behind[..<close])) % count
            }
        }
        return Int(checksum(key)) % count
    }

    static func of(_ key: String) -> Int { of(Array(key.utf8)) }

    /// CRC16-XMODEM.
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0) { sum, byte in (sum << 8) ^ table[Int(UInt8(truncatingIfNeeded: sum >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { sum, _ in sum & 0x8000 != 0 ? (sum << 1) ^ 0x1021 : sum << 1 }
    }
}

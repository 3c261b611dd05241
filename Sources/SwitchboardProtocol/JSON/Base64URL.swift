import FoundationEssentials

/// Base 64 in the alphabet for URLs, without padding (RFC 7515 section 2).
public enum Base64URL {
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let text = Data(bytes).base64EncodedString().utf8.lazy.filter { $0 != UInt8(ascii: "=") }.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        return String(decoding: Array(text), as: UTF8.self)
    }

    /// Whether the alphabet has this character.
    public static func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// - Returns: nil for every text that ``encode(_:)`` would not give, so that one value has one spelling.
    public static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var standard: [UInt8] = []
        for byte in text {
            guard contains(byte) else { return nil }
            switch byte {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            default: standard.append(byte)
            }
        }
        let length = standard.count
        while !standard.count.isMultiple(of: 4) { standard.append(UInt8(ascii: "=")) }
        guard length % 4 != 1, let data = Data(base64Encoded: Data(standard)) else { return nil }
        // The bits of the last character that stand for nothing are zero.
        guard data.base64EncodedString().utf8.elementsEqual(standard) else { return nil }
        return Array(data)
    }
}

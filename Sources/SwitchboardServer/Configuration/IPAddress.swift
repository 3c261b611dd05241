#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An IP address. One of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.7`, RFC 4291 section 2.5.5.2), as a socket for
/// both sees it, is the IPv4 address.
struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16.
    let bytes: [UInt8]

    /// - Returns: nil unless `text` is an address, without a port and without a zone.
    init?(_ text: some StringProtocol) {
        guard let bytes = Self.bytes(of: text) else { return nil }
        self.bytes = Self.isMapped(bytes) ? Array(bytes[12...]) : bytes
    }

    /// As RFC 5952 writes it.
    var description: String { Self.text(of: bytes) }

    static func text(of bytes: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        let isWritten = inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil
        return isWritten ? String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : "?"
    }

    /// 4 or 16 bytes, just as it is written.
    static func bytes(of address: some StringProtocol) -> [UInt8]? {
        // The C library would take a text with a zero byte for what stands before it.
        guard address.utf8.count <= Int(INET6_ADDRSTRLEN), address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        let text = String(address)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }

    /// `::ffff:0:0/96`
    static func isMapped(_ bytes: [UInt8]) -> Bool {
        bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    }
}

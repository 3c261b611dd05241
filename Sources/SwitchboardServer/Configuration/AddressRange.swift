#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A network in CIDR notation (RFC 4632), or one address.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]
    private let prefix: Int

    public static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

    /// - Returns: nil unless `text` is an IPv4 or IPv6 address, with or without `/PREFIX`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = Self.bytes(of: String(first)) else { return nil }
        var prefix = bytes.count * 8
        if parts.count == 2 {
            guard parts[1].allSatisfy(\.isNumber), let given = Int(parts[1]), (0...prefix).contains(given) else {
                return nil
            }
            prefix = given
        }
        self.bytes = bytes
        self.prefix = prefix
    }

    /// - Parameter address: An IP address without a port.
    public func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(of: address), other.count == bytes.count else { return false }
        let whole = prefix / 8
        guard bytes[..<whole] == other[..<whole] else { return false }
        let rest = prefix % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return bytes[whole] & mask == other[whole] & mask
    }

    /// As it may be given: `10.0.0.0/8`, `192.0.2.7`.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        let isWritten = inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil
        let address = isWritten ? String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : "?"
        return prefix == bytes.count * 8 ? address : "\(address)/\(prefix)"
    }

    /// 4 or 16 bytes.
    private static func bytes(of address: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, address, &bytes) == 1 { return Array(bytes[..<4]) }
        return inet_pton(AF_INET6, address, &bytes) == 1 ? bytes : nil
    }
}

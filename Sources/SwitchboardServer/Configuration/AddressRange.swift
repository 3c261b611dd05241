/// A network in CIDR notation (RFC 4632), or one address.
///
/// An IPv4 address is in the networks of IPv4 however it is written, also as `::ffff:192.0.2.7`.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]
    private let prefix: Int

    public static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

    /// - Returns: nil unless `text` is an IPv4 or IPv6 address, with or without `/PREFIX`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = IPAddress.bytes(of: first) else { return nil }
        var prefix = bytes.count * 8
        if parts.count == 2 {
            guard parts[1].allSatisfy(\.isNumber), let given = Int(parts[1]), (0...prefix).contains(given) else {
                return nil
            }
            prefix = given
        }
        let isMapped = prefix >= 96 && IPAddress.isMapped(bytes)
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
        self.prefix = isMapped ? prefix - 96 : prefix
    }

    /// - Parameter address: An IP address without a port.
    public func contains(_ address: String) -> Bool {
        guard let written = IPAddress.bytes(of: address) else { return false }
        return covers(written) || IPAddress.isMapped(written) && covers(Array(written[12...]))
    }

    func contains(_ address: IPAddress) -> Bool { covers(address.bytes) }

    private func covers(_ other: [UInt8]) -> Bool {
        guard other.count == bytes.count else { return false }
        let whole = prefix / 8
        guard bytes[..<whole] == other[..<whole] else { return false }
        let rest = prefix % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return bytes[whole] & mask == other[whole] & mask
    }

    /// As it may be given: `10.0.0.0/8`, `192.0.2.7`.
    public var description: String {
        let address = IPAddress.text(of: bytes)
        return prefix == bytes.count * 8 ? address : "\(address)/\(prefix)"
    }
}

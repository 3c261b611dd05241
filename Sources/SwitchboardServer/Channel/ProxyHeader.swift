import NIOCore

/// The header of the PROXY protocol, versions 1 and 2: what a proxy says of a connection before anything else is on it.
///
/// The specification is HAProxy's `proxy-protocol.txt`.
struct ProxyHeader: Equatable {
    enum Source: Equatable {
        /// The proxy connects for somebody; nil when that is nobody with an IP address.
        case client(SocketAddress?)
        /// The proxy connects for itself, or does not know: the addresses of the connection hold.
        case connection
    }

    enum Outcome: Equatable {
        /// It may still become one.
        case incomplete
        case header(ProxyHeader)
        case malformed(String)
    }

    let source: Source
    /// Bytes of the header; what follows belongs to the client.
    let length: Int

    /// Bytes of a header of version 1, with its line end: a longer one does not exist.
    static let longestLine = 107
    /// Bytes of a header of version 2. Addresses need 232; the rest is for what proxies add, which is passed over.
    static let longestBinary = 4096

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    static func parse(_ bytes: ByteBufferView) -> Outcome {
        let isBinary = zip(bytes, signature).allSatisfy { $0 == $1 }
        guard isBinary || zip(bytes, "PROXY ".utf8).allSatisfy({ $0 == $1 }) else {
            return .malformed("it does not begin with a header")
        }
        if isBinary { return bytes.count < 16 ? .incomplete : binary(bytes) }
        return line(bytes)
    }

    // MARK: Version 1

    /// `PROXY TCP4 192.0.2.7 192.0.2.1 5000 443`
    private static func line(_ bytes: ByteBufferView) -> Outcome {
        let window = bytes.prefix(longestLine)
        guard let end = window.firstIndex(of: 0x0D), end + 1 < window.endIndex else {
            return window.count < longestLine ? .incomplete : .malformed("the line is too long")
        }
        guard window[end + 1] == 0x0A, window[..<end].allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return .malformed("it is no line")
        }
        let length = end + 2 - window.startIndex
        let words = String(decoding: window[..<end], as: UTF8.self)
            .split(separator: " ", omittingEmptySubsequences: false)
        switch words[1] {
        case "UNKNOWN": return .header(ProxyHeader(source: .connection, length: length))
        case "TCP4", "TCP6":
            let size = words[1] == "TCP4" ? 4 : 16
            guard words.count == 6, IPAddress.bytes(of: words[2])?.count == size,
                IPAddress.bytes(of: words[3])?.count == size, let port = port(words[4]), self.port(words[5]) != nil,
                let address = try? SocketAddress(ipAddress: String(words[2]), port: port)
            else { return .malformed("the line does not have two addresses and two ports") }
            return .header(ProxyHeader(source: .client(address), length: length))
        default: return .malformed("the line names no known protocol")
        }
    }

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text == "0" || text.first != "0", let port = Int(text), port <= 65_535
        else { return nil }
        return port
    }

    // MARK: Version 2

    private static func binary(_ bytes: ByteBufferView) -> Outcome {
        let start = bytes.startIndex
        let (command, family) = (bytes[start + 12], bytes[start + 13])
        let size = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
        guard command >> 4 == 2, command & 0x0F < 2 else { return .malformed("an unknown version or command") }
        guard 16 + size <= longestBinary else { return .malformed("it is too long") }
        let isLocal = command & 0x0F == 0
        // Source and destination, each with its port but for UNIX sockets. Streams (1) and datagrams (2) have the same: a proxy
        // may well have taken the request over QUIC.
        let needed: Int
        switch family {
        case _ where isLocal: needed = 0
        case 0x00: needed = 0
        case 0x11, 0x12: needed = 12
        case 0x21, 0x22: needed = 36
        case 0x31, 0x32: needed = 216
        default: return .malformed("an unknown family of addresses")
        }
        guard size >= needed else { return .malformed("the addresses are cut off") }
        guard bytes.count >= 16 + size else { return .incomplete }
        let addresses = bytes[(start + 16)..<(start + 16 + size)]
        let source: Source =
            switch needed {
            case 0: .connection
            case 12: .client(address(addresses, bytes: 4, port: 8))
            case 36: .client(address(addresses, bytes: 16, port: 32))
            default: .client(nil)
            }
        return .header(ProxyHeader(source: source, length: 16 + size))
    }

    private static func address(_ view: ByteBufferView, bytes: Int, port offset: Int) -> SocketAddress? {
        let start = view.startIndex
        let port = Int(view[start + offset]) << 8 | Int(view[start + offset + 1])
        return try? SocketAddress(packedIPAddress: ByteBuffer(bytes: view.prefix(bytes)), port: port)
    }
}

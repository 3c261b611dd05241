import Synchronization

/// How many connections there are from each address, over all event loops.
final class AddressBook: Sendable {
    /// Of one address; 0 means no limit.
    private let limit: Int
    private let trusted: [AddressRange]
    private let counts = Mutex<[String: Int]>([:])

    /// - Parameter trusted: Proxies, whose own addresses are those of many clients.
    init(limit: Int, trusted: [AddressRange]) {
        self.limit = limit
        self.trusted = trusted
    }

    /// Addresses from which there are connections.
    var count: Int { counts.withLock { $0.count } }

    /// What an address counts as; nil when its connections are not counted.
    ///
    /// - Parameter address: An IP address, with or without a port. Of IPv6 the first 64 bits are taken, since whoever has one
    ///   such address has all that begin with them (RFC 4291 section 2.5.4).
    func key(of address: String) -> String? {
        guard limit > 0 else { return nil }
        let host = Self.host(of: address)
        guard !host.isEmpty, !isTrusted(host) else { return nil }
        guard let address = IPAddress(host) else { return host }
        guard address.bytes.count == 16 else { return address.description }
        return address.bytes[..<8].map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }

    /// Whether it is a proxy's.
    func isTrusted(_ host: String) -> Bool { trusted.contains { $0.contains(host) } }

    /// - Returns: false when there are as many connections from there as there may be.
    func enter(_ key: String) -> Bool {
        counts.withLock { counts in
            let count = counts[key] ?? 0
            guard count < limit else { return false }
            counts[key] = count + 1
            return true
        }
    }

    func leave(_ key: String) {
        counts.withLock { counts in
            guard let count = counts[key] else { return }
            counts[key] = count > 1 ? count - 1 : nil
        }
    }

    /// `192.0.2.1` of `192.0.2.1:80`, `2001:db8::1` of `[2001:db8::1]:80`.
    static func host(of address: String) -> String {
        if address.first == "[" { return String(address.dropFirst().prefix { $0 != "]" }) }
        guard let colon = address.firstIndex(of: ":"), !address[address.index(after: colon)...].contains(":") else {
            return address
        }
        return String(address[..<colon])
    }
}

/// The place of one connection among those of its address.
final class AddressPlace: Sendable {
    private let book: AddressBook
    private let taken = Mutex<String?>(nil)

    init(in book: AddressBook) { self.book = book }

    /// Taken once: by the address of the connection itself, or, behind a proxy, by that of the client when it has said it.
    ///
    /// - Returns: false when there is no room.
    func take(_ address: String) -> Bool {
        taken.withLock { taken in
            guard taken == nil, let key = book.key(of: address) else { return true }
            guard book.enter(key) else { return false }
            taken = key
            return true
        }
    }

    /// The connection is closed.
    func giveBack() {
        let key = taken.withLock { taken in
            defer { taken = nil }
            return taken
        }
        if let key { book.leave(key) }
    }
}

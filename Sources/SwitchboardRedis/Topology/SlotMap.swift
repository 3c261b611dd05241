/// Which master of a Redis Cluster has which slots, from one reply to `CLUSTER SLOTS`.
struct SlotMap: Hashable {
    /// In the order in which they were named first.
    private(set) var masters: [RedisEndpoint]
    private(set) var replicas: [RedisEndpoint]
    /// For each slot the place of its master in ``masters``; -1 when nobody has it.
    private var owners: [Int16]

    /// Beyond this a reply is no cluster.
    private static let maximumMasters = 1000

    /// - Parameters:
    ///   - reply: Of each range the first slot, the last slot, and its servers, the master first: each with host, port, and more.
    ///   - host: Whom the reply came from: servers without a name of their own are there.
    /// - Returns: nil when the reply is something else.
    init?(_ reply: RESPReply, from host: String) {
        guard let ranges = reply.elements else { return nil }
        masters = []
        replicas = []
        owners = Array(repeating: -1, count: KeySlot.count)
        for range in ranges {
            guard let parts = range.elements, parts.count >= 3, let first = parts[0].integer,
                let last = parts[1].integer,
                0 <= first, first <= last, last < KeySlot.count,
                let master = Self.endpoint(parts[2], from: host)
            else { return nil }
            let owner = place(of: master)
            guard owner < Self.maximumMasters else { return nil }
            for slot in first...last { owners[slot] = Int16(owner) }
            replicas += parts[3...].compactMap { Self.endpoint($0, from: host) }
        }
    }

    /// Whether every slot has a master.
    var isComplete: Bool { !owners.contains(-1) }

    func master(of slot: Int) -> RedisEndpoint? {
        let owner = Int(owners[slot])
        return masters.indices.contains(owner) ? masters[owner] : nil
    }

    /// A redirection says that the slot has moved to one of the masters.
    ///
    /// - Returns: false when `master` is none of them: the map is out of date as a whole.
    mutating func move(_ slot: Int, to master: RedisEndpoint) -> Bool {
        guard let owner = masters.firstIndex(of: master), owners.indices.contains(slot) else { return false }
        owners[slot] = Int16(owner)
        return true
    }

    private mutating func place(of master: RedisEndpoint) -> Int {
        if let known = masters.firstIndex(of: master) { return known }
        masters.append(master)
        return masters.count - 1
    }

    private static func endpoint(_ reply: RESPReply, from host: String) -> RedisEndpoint? {
        guard let parts = reply.elements, parts.count >= 2, let port = parts[1].integer, (1...65535).contains(port)
        else {
            return nil
        }
        let name = parts[0].text.flatMap { $0.isEmpty || $0 == "?" ? nil : $0 }
        return RedisEndpoint(host: name ?? host, port: port)
    }
}

import NIOCore
public import SwitchboardCore
public import SwitchboardProtocol

extension RedisStore {
    /// Records that one page looks at, at most; a page that finds too little ends early.
    static let maximumLooks = 10_000

    public func client(_ id: ClientID) async throws -> ClientPresence? {
        let replies = try await link.batch(3) { buffer, _, index in
            switch index {
            case 0: buffer.time()
            case 1: buffer.leases(keys: self.keys)
            default: buffer.record(of: id, keys: self.keys)
            }
        }
        for case .error(let text) in replies { throw BusError(reply: text) }
        let leases = try Leases(time: replies[0], scores: replies[1])
        return PresenceRecord(replies[2])?.presence(of: id, leases: leases, resumeWindow: resumeWindow)
    }

    public func clients(_ filter: ClientFilter, limit: Int, after cursor: ClientID?) async throws -> ClientPage {
        let leases = try await leases()
        var found: [ClientPresence] = []
        var last = cursor
        var looks = 0
        var names = ClientNames(store: self, filter: filter, after: cursor)
        while let batch = try await names.next() {
            let records = try await link.batch(batch.count) { buffer, _, index in
                buffer.record(of: batch[index], keys: self.keys)
            }
            var gone: [ClientID] = []
            for (index, (name, reply)) in zip(batch, records).enumerated() {
                if case .error(let text) = reply { throw BusError(reply: text) }
                last = name
                guard let record = PresenceRecord(reply) else {
                    gone.append(name)
                    continue
                }
                let client = record.presence(of: name, leases: leases, resumeWindow: resumeWindow)
                guard filter.accepts(client) else { continue }
                found.append(client)
                guard found.count >= limit else { continue }
                let isEnd = index == batch.count - 1 && names.isAtEnd
                return ClientPage(clients: found, next: isEnd ? nil : name)
            }
            try await prune(gone)
            looks += batch.count
            if looks >= Self.maximumLooks { return ClientPage(clients: found, next: names.isAtEnd ? nil : last) }
        }
        return ClientPage(clients: found, next: nil)
    }

    /// Milliseconds.
    private var resumeWindow: UInt64 { UInt64(link.configuration.resumeWindow / .milliseconds(1)) }

    func leases() async throws -> Leases {
        let replies = try await link.batch(2) { buffer, _, index in
            if index == 0 { buffer.time() } else { buffer.leases(keys: self.keys) }
        }
        for case .error(let text) in replies { throw BusError(reply: text) }
        return try Leases(time: replies[0], scores: replies[1])
    }

    /// Takes clients off the list whose record has expired, unless it has come back meanwhile: a registration writes the record
    /// first, then the list.
    private func prune(_ clients: [ClientID]) async throws {
        guard !clients.isEmpty else { return }
        let replies = try await link.batch(2 * clients.count) { buffer, _, index in
            let name = clients[index / 2].rawValue
            if index % 2 == 0 {
                buffer.command(arguments: 3)
                buffer.argument("ZREM" as StaticString)
                buffer.argument(self.keys.clients)
                buffer.argument(name)
            } else {
                buffer.command(arguments: 2)
                buffer.argument("EXISTS" as StaticString)
                buffer.argument(self.keys.client, name)
            }
        }
        let back = clients.indices.filter { replies[2 * $0 + 1] == .integer(1) }
        _ = try await link.batch(back.count) { buffer, _, index in
            buffer.command(arguments: 4)
            buffer.argument("ZADD" as StaticString)
            buffer.argument(self.keys.clients)
            buffer.argument(0)
            buffer.argument(clients[back[index]].rawValue)
        }
    }
}

/// The ids that a list of clients has to look at, in order, some hundred at a time.
private struct ClientNames {
    private let store: RedisStore
    private let filter: ClientFilter
    private var cursor: ClientID?
    /// The clients of one node, when only these can match.
    private var own: ArraySlice<ClientID>?
    private(set) var isAtEnd = false

    init(store: RedisStore, filter: ClientFilter, after cursor: ClientID?) {
        self.store = store
        self.filter = filter
        self.cursor = cursor
    }

    mutating func next() async throws -> [ClientID]? {
        if isAtEnd { return nil }
        if filter.state == .online, let node = filter.node { return try await nextOfNode(node) }
        let start = cursor
        let reply = try await store.link.batch(1) { [keys = store.keys] buffer, _, _ in
            buffer.command(arguments: 7)
            buffer.argument("ZRANGEBYLEX" as StaticString)
            buffer.argument(keys.clients)
            if let start { buffer.argument("(" + start.rawValue) } else { buffer.argument("-" as StaticString) }
            buffer.argument("+" as StaticString)
            buffer.argument("LIMIT" as StaticString)
            buffer.argument(0)
            buffer.argument(RedisStore.batch)
        }
        if case .error(let text) = reply[0] { throw BusError(reply: text) }
        let names = (reply[0].elements ?? []).compactMap { $0.text.map(ClientID.init(unchecked:)) }
        isAtEnd = names.count < RedisStore.batch
        cursor = names.last
        return names.isEmpty ? nil : names
    }

    private mutating func nextOfNode(_ node: NodeID) async throws -> [ClientID]? {
        if own == nil {
            let reply = try await store.link.batch(1) { [keys = store.keys] buffer, _, _ in
                buffer.command(arguments: 2)
                buffer.argument("SMEMBERS" as StaticString)
                buffer.argument(keys.nodeClients, node.rawValue)
            }
            if case .error(let text) = reply[0] { throw BusError(reply: text) }
            let names = Set((reply[0].elements ?? []).compactMap { NodeMember($0)?.client })
            own = names.filter { name in cursor.map { name > $0 } ?? true }.sorted()[...]
        }
        let names = Array((own ?? []).prefix(RedisStore.batch))
        own = own?.dropFirst(names.count)
        isAtEnd = own?.isEmpty ?? true
        return names.isEmpty ? nil : names
    }
}

extension CommandBuffer {
    fileprivate mutating func leases(keys: RedisKeys) {
        command(arguments: 5)
        argument("ZRANGE" as StaticString)
        argument(keys.nodes)
        argument(0)
        argument(-1)
        argument("WITHSCORES" as StaticString)
    }
}

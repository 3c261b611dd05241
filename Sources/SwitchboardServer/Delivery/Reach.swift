import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Whom a push would be handed to, without one being sent.
struct Reach: Hashable, Sendable {
    /// So many are named.
    static let limit = 100

    private(set) var matched = 0
    /// The first by their names.
    private(set) var clients: [ClientID] = []

    init() {}

    /// - Parameter body: What a node has answered (``body``); anybody may have written it.
    init?(_ body: ByteBuffer) {
        guard let document = try? JSONDocument(body), let count = document["matched"].flatMap({ document.integer($0) }),
            (0...Receipt.maximumCount).contains(count),
            let names = document["clients"].flatMap({ document.elements($0) })
        else { return nil }
        matched = count
        for element in names.prefix(Self.limit) {
            if let client = document.string(element).flatMap({ ClientID(rawValue: $0) }) { name(client) }
        }
    }

    var body: ByteBuffer {
        JSONObjectWriter.document { json in
            json.integer("matched", matched)
            json.strings("clients", clients.map(\.rawValue))
        }
    }

    mutating func add(_ client: ClientID) {
        matched += 1
        name(client)
    }

    mutating func add(_ other: Reach) {
        matched += other.matched
        for client in other.clients { name(client) }
    }

    private mutating func name(_ client: ClientID) {
        if clients.count == Self.limit, let last = clients.last, last < client { return }
        var (low, high) = (0, clients.count)
        while low < high {
            let middle = (low + high) / 2
            if clients[middle] < client { low = middle + 1 } else { high = middle }
        }
        // A client that moves from one node to another may be on both for a moment.
        guard low == clients.count || clients[low] != client else { return }
        clients.insert(client, at: low)
        if clients.count > Self.limit { clients.removeLast() }
    }
}

extension Node {
    /// Whom a push to `target` would reach on this node.
    func reach(_ target: Target) async -> Reach {
        switch target {
        case .client(let client): return reach([client])
        case .clients(let clients): return reach(clients)
        case .group, .labels, .all:
            return await collect { $0.reach(target) }.reduce(into: Reach()) { $0.add($1) }
        }
    }

    private func reach(_ clients: [ClientID]) -> Reach {
        clients.reduce(into: Reach()) { reach, client in
            if directory.place(of: client) != nil { reach.add(client) }
        }
    }
}

extension Shard {
    fileprivate func reach(_ target: Target) -> Reach {
        var reach = Reach()
        if case .group(let name) = target {
            for session in groups[name]?.members ?? [] where session.phase == .open {
                if let record = session.record { reach.add(record.client) }
            }
            return reach
        }
        for slot in table.slots where slot.isOpen {
            if let session = slot.session, session.isMeant(by: target), let record = session.record {
                reach.add(record.client)
            }
        }
        return reach
    }
}

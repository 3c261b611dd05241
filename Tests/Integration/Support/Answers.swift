/// What the HTTP API answers, as far as the tests read it.
struct PushAnswer: Decodable, Hashable, Sendable {
    var id: String
    var matched = 0
    var delivered = 0
    var acked = 0
    var queued = 0
    var offline = 0
    var dropped = 0
    var nodes = 0

    /// The counts alone, in the order of the documentation: matched, delivered, acked, queued, offline, dropped, nodes.
    var counts: [Int] { [matched, delivered, acked, queued, offline, dropped, nodes] }

    /// One connected client got it.
    static let reachedOne = [1, 1, 0, 0, 0, 0, 1]
    /// The one client that is meant is not connected.
    static let missedOne = [0, 0, 0, 0, 1, 0, 0]
}

struct ProblemDocument: Decodable, Sendable {
    var type: String
    var title: String
    var status: Int
    var detail: String
    var code: String
}

struct ClientInfo: Decodable, Sendable {
    var clientId: String
    var state: String
    var node: String?
    var session: String?
    var epoch: Int
    var address: String?
    var userAgent: String?
    var connectedAt: String?
    var lastSeenAt: String?
    var rtt: Double?
    var groups: [String]
    var labels: [String: String]
    var health: Health?
    var closeCode: Int?
    var closeReason: String?

    /// The health that the tests report.
    struct Health: Decodable, Sendable {
        var load: Double?
    }
}

struct ClientPage: Decodable, Sendable {
    var clients: [ClientInfo]
    var next: String?

    var ids: [String] { clients.map(\.clientId) }
}

struct GroupPage: Decodable, Sendable {
    struct Group: Decodable, Hashable, Sendable {
        var name: String
        var members: Int
    }
    var groups: [Group]
    var complete: Bool
}

struct GroupMembers: Decodable, Sendable {
    var name: String
    var members: Int
    var clients: [String]
    var complete: Bool
}

struct NodePage: Decodable, Sendable {
    struct Node: Decodable, Sendable {
        var id: String
        var address: String
        var version: String
        var startedAt: String
        var sessions: Int
        var draining: Bool
        var state: String
        var busLag: Double?
    }
    var nodes: [Node]

    subscript(id: String) -> Node? { nodes.first { $0.id == id } }
}

struct DrainState: Decodable, Sendable {
    var node: String
    var state: String
    var connections: Int
}

struct ClosePage: Decodable, Sendable {
    struct Close: Decodable, Sendable {
        var client: String
        var session: String
        var code: Int
        var reason: String
        var duration: Double
        var at: String
    }
    var node: String
    var closes: [Close]
}

struct Stats: Decodable, Sendable {
    struct Figures: Decodable, Sendable {
        var node: String?
        var sessions: Int
        var accepted: Int
        var closed: Int
        var refused: Int
        var pushes: Int
        var deliveries: Int
        var drops: Int
        var messagesUp: Int
        var busReceived: Int
        var busUnparsable: Int
        var redisReconnects: Int
        var busLagMicroseconds: Int
    }
    var nodes: [Figures]
    var total: Figures
    var complete: Bool

    subscript(node: String) -> Figures? { nodes.first { $0.node == node } }
}

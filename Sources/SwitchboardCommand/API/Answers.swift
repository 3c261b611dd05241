import FoundationEssentials
import NIOCore

/// A page of `GET /v1/clients`.
struct ClientsAnswer: Decodable {
    var clients: [ClientAnswer]
    var next: String?
}

/// One client as presence shows it. What a node does not tell is nil.
struct ClientAnswer: Decodable {
    var clientId: String
    var state: String
    var node: String?
    var session: String?
    var epoch: UInt64?
    var address: String?
    var userAgent: String?
    var connectedAt: String?
    var lastSeenAt: String?
    /// Milliseconds.
    var rtt: Double?
    var groups: [String]?
    var labels: [String: String]?
    var closeCode: Int?
    var closeReason: String?
}

struct GroupsAnswer: Decodable {
    struct Group: Decodable {
        var name: String
        var members: Int
    }
    var groups: [Group]
}

struct NodesAnswer: Decodable {
    struct Node: Decodable {
        var id: String
        var address: String?
        var version: String?
        var startedAt: String?
        var sessions: Int?
        var draining: Bool?
        var state: String?
        /// Milliseconds.
        var busLag: Double?
    }
    var nodes: [Node]
}

struct DrainAnswer: Decodable {
    var node: String
    var state: String
    var connections: Int
}

struct ClosesAnswer: Decodable {
    struct Close: Decodable {
        var client: String
        var session: String
        var code: Int
        var reason: String
        var at: String
        /// Seconds.
        var duration: Double
    }
    var closes: [Close]
}

extension Decodable {
    /// - Throws: ``Failure`` when the answer is not what this version of the command understands.
    static func reading(_ answer: ByteBuffer) throws(Failure) -> Self {
        do { return try JSONDecoder().decode(Self.self, from: Data(answer.readableBytesView)) } catch {
            throw Failure("the server's answer is not understood: \(error)")
        }
    }
}

/// A page of `GET /v1/clients/{id}/mailbox`.
struct MailboxAnswer: Decodable {
    struct Push: Decodable {
        var id: String
        var at: String
        var expiresAt: String
        var bytes: Int
        var format: String
    }
    var count: Int
    var bytes: Int
    var pushes: [Push]
    var next: String?
}

/// A page of `GET /v1/webhooks/dead`.
struct DeadWebhooksAnswer: Decodable {
    struct Entry: Decodable {
        struct Event: Decodable {
            var type: String
            var subject: String
            var time: String
        }
        var id: String
        var attempts: Int
        var reason: String
        var event: Event
    }
    var events: [Entry]
    var next: String?
}

/// `GET /v1/alerts`.
struct AlertsAnswer: Decodable {
    struct Alert: Decodable {
        var client: String
        var alert: String
        var level: String
        var value: Value?
        var since: String
        var node: String
    }
    /// What broke the rule.
    struct Value: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                text = "\(number)"
            } else {
                text = try container.decode(String.self)
            }
        }
    }
    var alerts: [Alert]
    var complete: Bool
}

struct AlertRulesAnswer: Decodable {
    struct Rule: Decodable {
        var rule: String
    }
    var rules: [Rule]
}

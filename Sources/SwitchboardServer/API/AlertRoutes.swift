import Hummingbird
import SwitchboardCore
import SwitchboardProtocol

/// Who is in alarm, and by which rules.
struct AlertRoutes: Sendable {
    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/alerts") { request, _ in try await list(request) }
        table.get("/v1/alerts/rules") { request, _ in
            if let (name, _) = try URLQuery.checked(request.uri.query).items.first {
                throw Problem.invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
            return .json { $0.list("rules", node.alerts.rules) { $0.rule($1) } }
        }
    }

    private func list(_ request: Request) async throws -> Response {
        let (level, client) = try filter(request)
        let replies = try await stored { try await node.conversations.ask(.alerts) }
        var isComplete = replies.isComplete
        var found: [String: Alert] = [:]
        for (_, body) in replies.bodies {
            guard let report = AlertReport(body) else { continue }
            isComplete = isComplete && report.isWhole
            for alert in report.alerts {
                guard level == nil || alert.level == level, client == nil || alert.client == client else { continue }
                // Two nodes may tell of the same while it goes from one to the other.
                let key = "\(alert.client) \(alert.name)"
                if found[key].map({ $0.epoch < alert.epoch }) ?? true { found[key] = alert }
            }
        }
        let alerts = found.values.sorted { left, right in
            left.level == right.level
                ? (left.since, left.client.rawValue, left.name) < (right.since, right.client.rawValue, right.name)
                : left.level > right.level
        }
        return .json { json in
            json.list("alerts", alerts) { entry, alert in
                entry.string("client", alert.client.rawValue)
                entry.trouble(alert)
                entry.string("node", alert.node.rawValue)
            }
            json.integer("nodes", replies.bodies.count)
            json.boolean("complete", isComplete)
        }
    }

    private func filter(_ request: Request) throws(Problem) -> (level: AlertLevel?, client: ClientID?) {
        var level: AlertLevel?
        var client: ClientID?
        for (name, value) in try URLQuery.checked(request.uri.query).items {
            switch name {
            case "level":
                guard let named = AlertLevel(rawValue: value) else {
                    throw .invalidRequest("'level' must be amber or red")
                }
                level = named
            case "client":
                guard let id = ClientID(rawValue: value) else { throw .invalidClientID }
                client = id
            default: throw .invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
        }
        return (level, client)
    }
}

extension JSONObjectWriter {
    fileprivate mutating func rule(_ rule: AlertRule) {
        string("name", rule.name)
        string("rule", rule.description)
        switch rule.condition {
        case .offline: string("field", "offline")
        case .field(let path, let comparison, let value):
            string("field", path.joined(separator: "."))
            string("op", comparison.rawValue)
            alertValue("value", value)
        }
        number("for", Double(rule.duration) / 1000)
        string("level", rule.level.rawValue)
    }
}

import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Groups, nodes and statistics: what only all nodes together know.
struct ClusterRoutes<Context: RequestContext> {
    let node: Node

    func add(to table: RouteTable<Context>) {
        table.get("/v1/groups") { _, _ in try await groups() }
        table.get("/v1/groups/:name") { _, context in
            guard let name = GroupName(rawValue: try parameter("name", context)) else { throw Problem.invalidGroup }
            return try await members(of: name)
        }
        table.get("/v1/nodes") { _, _ in try await nodes() }
        table.get("/v1/stats") { _, _ in try await statistics() }
    }

    private func groups() async throws -> Response {
        let replies = try await stored { try await node.conversations.ask(.groups) }
        var counts: [String: Int] = [:]
        for (_, body) in replies.bodies {
            guard let document = try? JSONDocument(body), let slice = document["groups"],
                let groups = document.object(slice)
            else { continue }
            for (name, value) in groups.members { counts[name, default: 0] &+= groups.integer(value) ?? 0 }
        }
        return .json { json in
            json.list("groups", counts.sorted { $0.key < $1.key }) { group, count in
                group.string("name", count.key)
                group.integer("members", count.value)
            }
            json.integer("nodes", replies.bodies.count)
            json.literal("complete", replies.isComplete ? "true" : "false")
        }
    }

    private func members(of name: GroupName) async throws -> Response {
        let replies = try await stored { try await node.conversations.ask(.members(name)) }
        var clients: [String] = []
        for (_, body) in replies.bodies {
            guard let document = try? JSONDocument(body), let slice = document["clients"],
                let names = document.elements(slice)
            else { continue }
            clients += names.compactMap { document.string($0) }
        }
        clients.sort()
        return .json { json in
            json.string("name", name.rawValue)
            json.integer("members", clients.count)
            json.strings("clients", clients)
            json.literal("complete", replies.isComplete ? "true" : "false")
        }
    }

    private func nodes() async throws -> Response {
        let nodes = try await stored { try await node.store.nodes() }
        return .json { json in
            json.list("nodes", nodes) { entry, node in
                entry.string("id", node.id.rawValue)
                entry.string("address", node.address)
                entry.string("version", node.version)
                entry.time("startedAt", node.startedAt)
                entry.integer("sessions", node.sessions)
                entry.boolean("draining", node.isDraining)
                entry.string("state", NodeDrain.Phase(node).rawValue)
                if let lag = node.busLag { entry.number("busLag", lag) }
            }
        }
    }

    private func statistics() async throws -> Response {
        let replies = try await stored { try await node.conversations.ask(.stats) }
        var total: [String: Int] = [:]
        let nodes = NodeReport.figures(of: replies)
        for (name, value) in nodes.flatMap(\.figures) {
            let sum = total[name] ?? 0
            total[name] = NodeReport.maxima.contains(name) ? max(sum, value) : sum &+ value
        }
        return .json { json in
            json.list("nodes", nodes) { entry, node in
                entry.string("node", node.id.rawValue)
                for (name, value) in node.figures { entry.integer(named: name, value) }
            }
            json.object("total") { sum in
                for (name, value) in total.sorted(by: { $0.key < $1.key }) { sum.integer(named: name, value) }
            }
            json.literal("complete", replies.isComplete ? "true" : "false")
        }
    }
}

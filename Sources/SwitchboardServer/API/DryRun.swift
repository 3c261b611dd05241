import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// A push with `dryRun=1`: who would get it is told, and nothing is sent or kept.
struct DryRun: Sendable {
    let node: Node

    /// - Parameter query: Of a route that pushes.
    /// - Returns: What is left of the query, and whether nothing is to be sent.
    static func split(_ query: String) throws(Problem) -> (rest: String, isDryRun: Bool) {
        var rest: [Substring] = []
        var isDryRun = false
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard PercentEncoding.decode(parts[0], plusIsSpace: true) == "dryRun" else {
                rest.append(pair)
                continue
            }
            guard !isDryRun else { throw .invalidRequest("'dryRun' is given twice") }
            guard parts.count == 2, parts[1] == "1" else { throw .invalidRequest("'dryRun' must be 1") }
            isDryRun = true
        }
        return isDryRun ? (rest.joined(separator: "&"), true) : (query, false)
    }

    /// - Throws: the ``Problem`` that the push would be answered with, as far as that shows without sending it.
    func answer(_ request: PushRequest, of principal: Principal) async throws -> ByteBuffer {
        try node.delivery.checkRate(principal)
        let target = try request.accepted().target
        guard node.settlement.isSettled else {
            throw Problem.busUnavailable("the nodes are finding together again")
        }
        let replies = try await stored { try await node.conversations.ask(.reach(target)) }
        var reach = Reach()
        var nodes = 0
        for part in replies.bodies.compactMap({ Reach($0.body) }) where part.matched > 0 {
            reach.add(part)
            nodes += 1
        }
        let named =
            switch target {
            case .client: 1
            case .clients(let clients): clients.count
            case .group, .labels, .all: 0
            }
        return JSONObjectWriter.document { json in
            json.boolean("dryRun", true)
            json.integer("matched", reach.matched)
            json.integer("offline", max(0, named - reach.matched))
            json.integer("nodes", nodes)
            json.strings("clients", reach.clients.map(\.rawValue))
            json.boolean("complete", replies.isComplete)
        }
    }
}

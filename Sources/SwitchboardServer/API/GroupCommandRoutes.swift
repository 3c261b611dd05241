import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// `POST /v1/groups/{name}/commands`: one command to each member of a group.
struct GroupCommandRoutes: Sendable {
    /// Members that have the command at once.
    static let maximumUnderWay = 256
    private static let limits = AnswerQueue.Limits(partsUnderWay: 1, bytesUnderWay: 1, unsentBytes: 256 * 1024)

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/groups/:name/commands") { request, context in
            try await send(request, to: try group(context), context)
        }
    }

    private func send(_ request: Request, to group: GroupName, _ context: APIContext) async throws -> Response {
        try node.delivery.checkRate(context.principal)
        guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("options go into the body") }
        var order = try CommandDocument.read(try await request.wholeBody(limit: node.configuration.bodyLimit))
        guard order.id == nil, request.headers[optional: FieldName.idempotencyKey] == nil else {
            throw Problem.invalidRequest("an 'id' names one command, and a group gets one for each member")
        }
        order.trace = request.traceContext
        guard node.settlement.isSettled else { throw Problem.busUnavailable("the nodes are finding together again") }
        let (members, isComplete) = try await members(of: group)
        let answer = StreamedAnswer(type: "application/x-ndjson", limits: Self.limits, endsWithCaller: true)
        return answer.response(on: context.channel) { [order] queue in
            let answered = try await send(order, to: members, into: queue)
            var last = JSONObjectWriter.document { json in
                json.integer("matched", members.count)
                json.integer("answered", answered)
                json.integer("failed", members.count - answered)
                if !isComplete { json.boolean("complete", false) }
            }
            last.writeStaticString("\n")
            try await queue.add(last)
        }
    }

    /// Every node is asked; what one that is silent holds is missing.
    private func members(of group: GroupName) async throws -> (clients: [ClientID], isComplete: Bool) {
        let replies = try await stored { try await node.conversations.ask(.members(group)) }
        var clients: Set<ClientID> = []
        for (_, body) in replies.bodies {
            guard let document = try? JSONDocument(body), let slice = document["clients"],
                let names = document.elements(slice)
            else { continue }
            clients.formUnion(names.compactMap { document.string($0).flatMap(ClientID.init(rawValue:)) })
        }
        return (clients.sorted(), replies.isComplete)
    }

    /// - Returns: How many have answered.
    private func send(_ order: CommandOrder, to clients: [ClientID], into queue: AnswerQueue) async throws -> Int {
        let node = node
        return try await withThrowingTaskGroup(of: (CommandCall, CommandOutcome).self) { group in
            var rest = clients.makeIterator()
            func begin(_ client: ClientID) {
                let call = CommandCall(order, to: client, commands: node.commands)
                group.addTask { (call, try await call.run(on: node)) }
            }
            for _ in 0..<Self.maximumUnderWay {
                guard let client = rest.next() else { break }
                begin(client)
            }
            var answered = 0
            while let (call, outcome) = try await group.next() {
                if case .result = outcome { answered += 1 }
                try await queue.add(CommandAnswer.line(call.id, call.client, outcome))
                if let client = rest.next() { begin(client) }
            }
            return answered
        }
    }
}

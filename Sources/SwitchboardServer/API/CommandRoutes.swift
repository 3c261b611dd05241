import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Commands to one client: answered when it answers, at once and looked up later, or as they go on.
struct CommandRoutes: Sendable {
    /// Commands for which nobody waits that may be under way at once.
    private static let maximumUnattended = 2000
    /// Seconds between two signs of life in a stream of events; proxies give up after 60.
    private static let signInterval = 15

    let node: Node
    private let unattended = Gate(Self.maximumUnattended)

    init(node: Node) { self.node = node }

    func add(to table: RouteTable<APIContext>) {
        table.post("/v1/clients/:id/commands") { request, context in
            try await send(request, to: try client(context), context)
        }
        table.get("/v1/commands/:id") { _, context in
            guard let id = CommandID(rawValue: try parameter("id", context)) else { throw Problem.invalidCommandID }
            return try await state(of: id)
        }
    }

    private func send(_ request: Request, to client: ClientID, _ context: APIContext) async throws -> Response {
        try node.delivery.checkRate(context.principal)
        guard request.uri.query ?? "" == "" else { throw Problem.invalidRequest("options go into the body") }
        var order = try CommandDocument.read(try await request.wholeBody(limit: node.configuration.bodyLimit))
        if let key = request.headers[optional: FieldName.idempotencyKey] {
            guard order.id == nil else { throw Problem.invalidRequest("either 'id' or Idempotency-Key, not both") }
            guard let id = CommandID(rawValue: key) else { throw Problem.invalidCommandID }
            order.id = id
        }
        order.trace = request.traceContext
        guard node.settlement.isSettled else { throw Problem.busUnavailable("the nodes are finding together again") }
        let call = CommandCall(order, to: client, commands: node.commands)
        if Preference.respondsAsync(request.headers[optional: FieldName.prefer] ?? "") { return try await later(call) }
        if request.headers[.accept]?.lowercased().contains("text/event-stream") == true {
            return events(of: call, context.channel)
        }
        let node = node
        do {
            let outcome = try await Caller(channel: context.channel).attending { try await call.run(on: node) }
            if let problem = CommandAnswer.problem(outcome, client) { throw problem }
            return .json(CommandAnswer.body(call.id, outcome))
        } catch is CancellationError {
            throw Problem.callerGone
        }
    }

    /// `Prefer: respond-async` (RFC 7240 section 4.1).
    private func later(_ call: CommandCall) async throws -> Response {
        guard unattended.enter() else {
            throw Problem.overloaded("too many commands are under way that nobody waits for").counted(.commands)
        }
        let node = node
        do {
            let known = try await stored { try await call.accept(living: node.living) }
            guard known?.isOf(call) != false else { throw Problem.idempotencyConflict }
            if known == nil {
                Task { [unattended] in
                    defer { unattended.leave() }
                    _ = try? await call.carryOut()
                }
            } else {
                unattended.leave()
            }
        } catch {
            unattended.leave()
            throw error
        }
        let record = CommandRecord(id: call.id, client: call.client, name: call.order.name, origin: node.id)
        var response = Response.json(CommandAnswer.state(record, isLost: false), status: .accepted)
        response.headers[.location] = "/v1/commands/\(call.id)"
        response.headers[optional: FieldName.preferenceApplied] = "respond-async"
        return response
    }

    /// Server-sent events: `output` for each piece, then `result` or `error`.
    private func events(of call: CommandCall, _ channel: any Channel) -> Response {
        let node = node
        let answer = StreamedAnswer(
            type: "text/event-stream",
            limits: AnswerQueue.Limits(partsUnderWay: 1, bytesUnderWay: 1, unsentBytes: Commands.maximumBacklog),
            sign: (ByteBuffer(string: ": \n\n"), Self.signInterval), endsWithCaller: true)
        return answer.response(on: channel) { queue in
            let outcome = try await call.run(on: node) { payload in
                try await queue.add(CommandAnswer.event("output", JSONObjectWriter.document { $0.payload(payload) }))
            } onLoss: { count in
                try await queue.add(CommandAnswer.event("gap", JSONObjectWriter.document { $0.integer("lost", count) }))
            }
            if let problem = CommandAnswer.problem(outcome, call.client) {
                try await queue.add(CommandAnswer.event("error", problem.document))
            } else {
                try await queue.add(CommandAnswer.event("result", CommandAnswer.body(call.id, outcome)))
            }
        }
    }

    private func state(of id: CommandID) async throws -> Response {
        let bytes = try await stored { try await node.store.read(.command(id)) }
        guard let record = bytes.flatMap({ CommandRecord($0) }) else { throw Problem.commandNotFound }
        return .json(CommandAnswer.state(record, isLost: !node.living.contains(record.origin)))
    }
}

extension CommandCall {
    func run(
        on node: Node, onOutput: (Payload) async throws -> Void = { _ in },
        onLoss: (Int) async throws -> Void = { _ in }
    ) async throws -> CommandOutcome {
        try await run(living: { node.living }, onOutput: onOutput, onLoss: onLoss)
    }
}

extension Node {
    /// The nodes that live; this one does, whatever its lease says.
    fileprivate var living: Set<NodeID> { roster.living.union([id]) }
}

/// Lets only so many in at a time.
private final class Gate: Sendable {
    private let maximum: Int
    private let count = Mutex(0)

    init(_ maximum: Int) { self.maximum = maximum }

    func enter() -> Bool {
        count.withLock { count in
            guard count < maximum else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}

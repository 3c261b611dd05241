import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension RolloutClient {
    /// How far one client is.
    enum State: String { case pending, started, ok, failed }

    /// - Parameter started: How many clients were begun.
    func state(started: Int) -> State {
        guard let outcome else { return index < started ? .started : .pending }
        return outcome.isFailure ? .failed : .ok
    }
}

extension RolloutStatus {
    /// The answer about one roll-out: its target is shown, its payload never.
    var document: ByteBuffer {
        JSONObjectWriter.document { json in
            json.rollout(self)
            json.object("to") { $0.target(definition.target) }
        }
    }
}

extension JSONObjectWriter {
    /// The members of a roll-out in a list.
    mutating func rollout(_ status: RolloutStatus) {
        let (definition, progress) = (status.definition, status.progress)
        let terms = definition.terms
        string("id", definition.id.rawValue)
        string("state", status.state)
        if let reason = status.end?.reason { string("reason", reason) }
        object("counts") { counts in
            counts.integer("total", terms.total)
            counts.integer("started", progress.started)
            counts.integer("ok", progress.succeeded)
            counts.integer("failed", progress.failed)
            counts.integer("pending", terms.total - progress.started)
        }
        switch definition.work {
        case .push(let push):
            object("push") { entry in
                entry.boolean("durable", push.isDurable)
                if push.isDurable { entry.number("wait", push.wait) }
            }
        case .command(let command):
            object("command") { entry in
                entry.string("name", command.name)
                entry.number("timeout", command.timeout)
            }
        }
        object("canary") { canary in
            canary.integer("clients", terms.canary)
            canary.number("wait", terms.canaryWait)
        }
        integer("rate", terms.rate)
        object("abort") { abort in
            abort.number("share", terms.share)
            abort.integer("minimum", terms.minimum)
        }
        time("createdAt", definition.createdAt)
        time("endedAt", status.end?.at)
        string("by", definition.author)
        if let leader = status.leader, !status.isFinished { string("leader", leader.rawValue) }
    }

    /// - Parameter started: How many clients were begun.
    mutating func client(_ client: RolloutClient, of definition: RolloutDefinition, started: Int) {
        string("client", client.client.rawValue)
        string("outcome", client.state(started: started).rawValue)
        switch definition.work {
        case .push: string("push", definition.orderID(at: client.index))
        case .command: string("command", definition.orderID(at: client.index))
        }
        guard let outcome = client.outcome else { return }
        if let status = outcome.status { integer("status", status) }
        if let failure = outcome.failure { string("reason", failure) }
        time("at", outcome.at)
    }
}
